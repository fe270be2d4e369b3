import { Popover } from "radix-ui";
import type { ReactNode } from "react";
import { ReceiptSlip } from "./receipt-slip.tsx";

/** An amount that opens its receipt beside it; Esc or a click elsewhere closes it. */
export function ReceiptLink({ receiptId, children }: { receiptId: string; children: ReactNode }) {
  return (
    <Popover.Root>
      <Popover.Trigger className="link" data-receipt={receiptId}>
        {children}
      </Popover.Trigger>
      <ReceiptPopover receiptId={receiptId} side="left" />
    </Popover.Root>
  );
}

/** The slip itself, for a `Popover.Root` that has its own trigger or anchor. */
export function ReceiptPopover({ receiptId, side }: { receiptId: string; side: "left" | "top" }) {
  return (
    <Popover.Portal>
      <Popover.Content
        className="popover"
        side={side}
        align="start"
        sideOffset={side === "left" ? 12 : 8}
        collisionPadding={12}
        aria-label="Receipt"
      >
        <ReceiptSlip receiptId={receiptId} />
        <Popover.Close className="close" aria-label="Close receipt">
          ×
        </Popover.Close>
      </Popover.Content>
    </Popover.Portal>
  );
}
