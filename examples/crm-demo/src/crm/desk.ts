import type { ChatMessage, FaucetModelfaucet, FaucetUsageItem, RouteMode } from "@modelfaucet/sdk";
import { featureKey } from "../faucet.ts";
import { runRequest } from "../requests/run-request.ts";
import { createStore } from "../store.ts";
import { type Message, type Ticket, tickets } from "./tickets.ts";

export type Draft = {
  text: string;
  state: "idle" | "asking" | "streaming" | "done" | "stopped" | "failed";
  /** Who pays for the answer that is being written, or was stopped. */
  paying?: RouteMode;
  holdUsd?: string;
  modelfaucet?: FaucetModelfaucet;
  durationMs?: number;
  /** Charge and receipt of an answer that was stopped. */
  stopped?: { chargeUsd: string; receiptId?: string };
  error?: unknown;
  /** Of an answer that broke off: what the books charged; `null` while they do not say. */
  brokenChargeUsd?: string | null;
};

export type Desk = {
  drafts: Readonly<Record<string, Draft>>;
  /** Replies sent in this visit, by ticket. */
  replies: Readonly<Record<string, readonly Message[]>>;
};

export const desk = createStore<Desk>({ drafts: {}, replies: {} });

export const emptyDraft: Draft = { text: "", state: "idle" };
export const mostReplyTokens = 400;

const running = new Map<string, AbortController>();

export function isWriting(draft: Draft): boolean {
  return draft.state === "asking" || draft.state === "streaming";
}

export function editDraft(ticketId: string, text: string): void {
  changeDraft(ticketId, () => ({ text }));
}

export function stopSuggestion(ticketId: string): void {
  running.get(ticketId)?.abort();
}

/** Streams a suggestion into the ticket's draft. A second call for the same ticket waits for nothing and does nothing. */
export async function suggestReply(ticket: Ticket): Promise<void> {
  if (running.has(ticket.id)) return;
  const controller = new AbortController();
  running.set(ticket.id, controller);
  putDraft(ticket.id, { text: "", state: "asking" });
  const outcome = await runRequest(
    "Suggest a reply",
    {
      feature: featureKey,
      messages: promptFor(ticket),
      maxOutputTokens: mostReplyTokens,
      signal: controller.signal,
    },
    {
      onStart: ({ routeMode, holdUsd }) =>
        changeDraft(ticket.id, () => ({
          paying: routeMode,
          ...(holdUsd === undefined ? {} : { holdUsd }),
        })),
      onText: (delta) => changeDraft(ticket.id, ({ text }) => ({ state: "streaming", text: text + delta })),
    },
  );
  running.delete(ticket.id);
  switch (outcome.kind) {
    case "settled": {
      const { modelfaucet } = outcome.result;
      changeDraft(ticket.id, () => ({ state: "done", modelfaucet, durationMs: outcome.durationMs }));
      return;
    }
    case "stopped": {
      const receipt = outcome.usage?.receipt_id === undefined ? {} : { receiptId: outcome.usage.receipt_id };
      const stopped = { chargeUsd: outcome.usage?.charge_usd ?? "0.00000000", ...receipt };
      changeDraft(ticket.id, () => ({ state: "stopped", stopped }));
      return;
    }
    case "failed":
      if (outcome.charge) {
        changeDraft(ticket.id, () => ({ state: "failed", error: outcome.error, brokenChargeUsd: null }));
        void tellCharge(ticket.id, outcome.error, outcome.charge);
        return;
      }
  }
  changeDraft(ticket.id, () => ({ state: "failed", error: outcome.error }));
}

async function tellCharge(
  ticketId: string,
  error: unknown,
  charge: Promise<FaucetUsageItem | null>,
): Promise<void> {
  const usage = await charge;
  if (!usage) return;
  // Another suggestion may have begun meanwhile.
  changeDraft(ticketId, (draft) => (draft.error === error ? { brokenChargeUsd: usage.charge_usd } : {}));
}

/** Puts the draft into the conversation, as a support desk would send it. */
export function sendReply(ticketId: string): void {
  desk.set(({ drafts, replies }) => {
    const text = drafts[ticketId]?.text.trim();
    if (!text) return { drafts, replies };
    const sent: Message = { from: "desk", minutesAgo: 0, text };
    return {
      drafts: { ...drafts, [ticketId]: emptyDraft },
      replies: { ...replies, [ticketId]: [...(replies[ticketId] ?? []), sent] },
    };
  });
}

export function promptFor(ticket: Ticket): ChatMessage[] {
  const sent = desk.get().replies[ticket.id] ?? [];
  return [
    {
      role: "system",
      content:
        "You write the next reply of a support desk. Answer in the customer's language, friendly and precise, in at most 90 words of plain text. Promise nothing that the desk cannot check.",
    },
    {
      role: "user",
      content: `Customer: ${ticket.company}\nPlan: ${ticket.plan}\nSubject: ${ticket.subject}`,
    },
    ...[...ticket.messages, ...sent].map(({ from, text }): ChatMessage => {
      return { role: from === "customer" ? "user" : "assistant", content: text };
    }),
  ];
}

/** The ticket that the address names, else the first. */
export function ticketOf(hash: string): Ticket {
  return tickets.find((ticket) => hash === `#ticket-${ticket.id}`) ?? tickets[0];
}

function putDraft(ticketId: string, draft: Draft): void {
  desk.set((value) => ({ ...value, drafts: { ...value.drafts, [ticketId]: draft } }));
}

function changeDraft(ticketId: string, change: (draft: Draft) => Partial<Draft>): void {
  desk.set((value) => {
    const draft = value.drafts[ticketId] ?? emptyDraft;
    return { ...value, drafts: { ...value.drafts, [ticketId]: { ...draft, ...change(draft) } } };
  });
}
