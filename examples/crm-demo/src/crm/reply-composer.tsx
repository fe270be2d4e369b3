import { FaucetModeSwitch } from "@modelfaucet/react";
import { Popover } from "radix-ui";
import { useEffect, useId, useRef } from "react";
import { featureKey } from "../faucet.ts";
import { showUsd } from "../money/amount.ts";
import { ErrorNotice } from "../page/error-notice.tsx";
import { NextPrice } from "../payers/next-price.tsx";
import { PaidLine } from "../payers/paid-line.tsx";
import { payerName } from "../payers/payer-words.ts";
import { ReceiptPopover } from "../receipt/receipt-link.tsx";
import type { ReplyPrice } from "../requests/models.ts";
import { useStore } from "../store.ts";
import {
  type Draft,
  desk,
  editDraft,
  emptyDraft,
  isWriting,
  sendReply,
  stopSuggestion,
  suggestReply,
} from "./desk.ts";
import type { Ticket } from "./tickets.ts";

/** The draft of the reply: above it who pays, under it how much, before, while and after it is written. */
export function ReplyComposer({ ticket, price }: { ticket: Ticket; price: ReplyPrice | null }) {
  const draft = useStore(desk).drafts[ticket.id] ?? emptyDraft;
  const label = useId();
  const receiptId = draft.modelfaucet?.receipt_id ?? draft.stopped?.receiptId;
  return (
    <section className="composer" aria-labelledby={label}>
      <h2 id={label} className="visually-hidden">
        Reply
      </h2>
      <FaucetModeSwitch feature={featureKey} className="payers" />
      <Popover.Root>
        <Popover.Anchor asChild>
          <div className="card">
            {draft.state === "failed" && (
              <ErrorNotice
                error={draft.error}
                after={chargeOfFailure(draft)}
                retry={() => void suggestReply(ticket)}
              />
            )}
            <DraftText ticket={ticket} draft={draft} />
            <div className="composer-foot">
              <PriceLine draft={draft} price={price} />
              <Actions ticket={ticket} draft={draft} />
            </div>
          </div>
        </Popover.Anchor>
        {receiptId !== undefined && <ReceiptPopover receiptId={receiptId} side="top" />}
      </Popover.Root>
      {/* Read out once it is whole: a voice cannot follow a text that grows by the word. */}
      <p className="visually-hidden" aria-live="polite">
        {isWriting(draft) ? "Writing a reply." : spoken(draft)}
      </p>
    </section>
  );
}

function Actions({ ticket, draft }: { ticket: Ticket; draft: Draft }) {
  const writing = isWriting(draft);
  const hasText = draft.text.trim() !== "";
  return (
    <span className="actions">
      {writing ? (
        <button type="button" onClick={() => stopSuggestion(ticket.id)}>
          Stop
        </button>
      ) : (
        <button
          type="button"
          className={hasText ? "" : "primary"}
          aria-keyshortcuts="r"
          onClick={() => void suggestReply(ticket)}
        >
          {hasText ? "Suggest again" : "Suggest a reply"} <kbd>R</kbd>
        </button>
      )}
      <button
        type="button"
        className={hasText ? "primary" : ""}
        disabled={writing || !hasText}
        onClick={() => sendReply(ticket.id)}
      >
        Send reply
      </button>
    </span>
  );
}

/** Has its full height from the start, so that nothing on the page moves while a text comes in. */
function DraftText({ ticket, draft }: { ticket: Ticket; draft: Draft }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const writing = isWriting(draft);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new piece of text is the reason to follow it
  useEffect(() => {
    if (writing) box.current?.scrollTo({ top: box.current.scrollHeight });
  }, [writing, draft.text]);
  return (
    <textarea
      ref={box}
      className="draft"
      aria-label={`Reply to ${ticket.company}`}
      value={draft.text}
      readOnly={writing}
      placeholder={writing ? "" : "Write a reply, or have one suggested and edit it."}
      onChange={(event) => editDraft(ticket.id, event.target.value)}
    />
  );
}

function PriceLine({ draft, price }: { draft: Draft; price: ReplyPrice | null }) {
  switch (draft.state) {
    case "idle":
    case "failed":
      return <NextPrice price={price} />;
    case "asking":
    case "streaming":
      return (
        <p className="price">
          <span className="chip live">{draft.paying ? payerName(draft.paying) : "…"}</span>
          <span className="num">
            {draft.holdUsd ? `${showUsd(draft.holdUsd)} held while it writes` : "Asking…"}
          </span>
        </p>
      );
    case "done":
      return draft.modelfaucet ? (
        <PaidLine
          paid={draft.modelfaucet}
          durationMs={draft.durationMs}
          receipt={<Popover.Trigger className="link">receipt</Popover.Trigger>}
        />
      ) : null;
    case "stopped":
      return <StoppedPrice draft={draft} />;
  }
}

function StoppedPrice({ draft: { paying, stopped } }: { draft: Draft }) {
  return (
    <p className="price">
      <span className="chip warn">{paying ? payerName(paying) : "Stopped"}</span>
      {paying === "local" ? (
        <span>Stopped. Nothing was charged.</span>
      ) : (
        <span>
          Stopped. Charged <span className="num">{showUsd(stopped?.chargeUsd ?? "0")}</span> for what was
          produced
        </span>
      )}
      {stopped?.receiptId && <Popover.Trigger className="link">receipt</Popover.Trigger>}
    </p>
  );
}

function chargeOfFailure({ brokenChargeUsd }: Draft): string {
  if (brokenChargeUsd === null) return "What was produced until then may be charged; its receipt will tell.";
  if (brokenChargeUsd === undefined || !/[1-9]/.test(brokenChargeUsd)) return "You were not charged.";
  return `Charged ${showUsd(brokenChargeUsd)} for what was produced.`;
}

function spoken(draft: Draft): string {
  if (draft.state === "done") return `Suggested reply: ${draft.text}`;
  if (draft.state === "stopped") return "Stopped.";
  return "";
}
