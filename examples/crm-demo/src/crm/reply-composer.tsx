import { Popover } from "radix-ui";
import { useEffect, useId, useRef } from "react";
import { showUsd } from "../money/amount.ts";
import { ErrorNotice } from "../page/error-notice.tsx";
import { ReceiptPopover } from "../receipt/receipt-link.tsx";
import { useStore } from "../store.ts";
import { walletView } from "../wallet/follow-wallet.ts";
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

/** The draft of the reply and, under it, who pays and how much: before, while and after it is written. */
export function ReplyComposer({ ticket, mostUsd }: { ticket: Ticket; mostUsd: string | null }) {
  const draft = useStore(desk).drafts[ticket.id] ?? emptyDraft;
  const label = useId();
  const receiptId = draft.modelfaucet?.receipt_id ?? draft.stopped?.receiptId;
  return (
    <section className="composer" aria-labelledby={label}>
      <h2 id={label} className="visually-hidden">
        Reply
      </h2>
      <Popover.Root>
        <Popover.Anchor asChild>
          <div className="card">
            {draft.state === "failed" && (
              <ErrorNotice
                error={draft.error}
                after="You were not charged."
                retry={() => void suggestReply(ticket)}
              />
            )}
            <DraftText ticket={ticket} draft={draft} />
            <div className="composer-foot">
              <PriceLine draft={draft} mostUsd={mostUsd} />
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

function PriceLine({ draft, mostUsd }: { draft: Draft; mostUsd: string | null }) {
  const { wallet } = useStore(walletView);
  switch (draft.state) {
    case "idle":
    case "failed":
      return (
        <p className="price">
          <span className="chip">Credits</span>
          {mostUsd === null ? (
            <span>Paid by credits. Only you can change this.</span>
          ) : (
            <span className="num">
              At most {showUsd(mostUsd)}
              {wallet ? `, from your balance of ${showUsd(wallet.balance_usd, { round: "down" })}` : ""}
            </span>
          )}
        </p>
      );
    case "asking":
    case "streaming":
      return (
        <p className="price">
          <span className="chip live">Credits</span>
          <span className="num">
            {draft.holdUsd ? `${showUsd(draft.holdUsd)} held while it writes` : "Asking…"}
          </span>
        </p>
      );
    case "done":
      return <SettledPrice draft={draft} />;
    case "stopped":
      return (
        <p className="price">
          <span className="chip warn">Credits</span>
          <span>
            Stopped. Charged <span className="num">{showUsd(draft.stopped?.chargeUsd ?? "0")}</span> for what
            was produced
          </span>
          {draft.stopped?.receiptId && <Popover.Trigger className="link">receipt</Popover.Trigger>}
        </p>
      );
  }
}

function SettledPrice({ draft }: { draft: Draft }) {
  const paid = draft.modelfaucet;
  if (!paid) return null;
  return (
    <p className="price">
      <span className="chip good">Paid by credits</span>
      <span className="num">{showUsd(paid.charge_usd, { decimals: 5 })}</span>
      <span aria-hidden="true">·</span>
      <Popover.Trigger className="link">receipt</Popover.Trigger>
      {draft.durationMs !== undefined && (
        <>
          <span aria-hidden="true">·</span>
          <span className="num">{(draft.durationMs / 1000).toFixed(1)} s</span>
        </>
      )}
      {paid.usage_source === "estimated" && <span>Token counts are estimates.</span>}
      {paid.stopped === "balance" && <span>Ended where your balance did.</span>}
    </p>
  );
}

function spoken(draft: Draft): string {
  if (draft.state === "done") return `Suggested reply: ${draft.text}`;
  if (draft.state === "stopped") return "Stopped.";
  return "";
}
