import { z } from "zod";
import { invariant, ledgerKind, ledgerTransaction, trialBalance } from "../objects/books.ts";
import { defineRoute } from "../route.ts";
import { listOf, listQuery, requestId, text, timeIn, timeOut, uuid } from "../values.ts";

const reads = { class: "op", scopes: ["operator:read"] } as const;

export const readInvariants = defineRoute({
  method: "GET",
  path: "/v1/admin/reconciliation/invariants",
  pkg: 2,
  auth: reads,
  answer: z.strictObject({ generated_at: timeOut, items: z.array(invariant) }),
  codes: [],
  summary: "Every check of the books, run now in one snapshot.",
});

export const readTrialBalance = defineRoute({
  method: "GET",
  path: "/v1/admin/books",
  pkg: 2,
  auth: reads,
  query: z.strictObject({ from: timeIn.optional(), to: timeIn.optional() }),
  answer: trialBalance,
  codes: [],
  summary: "The trial balance over a period, by the time of booking; without `from` since the beginning.",
});

export const listLedgerTransactions = defineRoute({
  method: "GET",
  path: "/v1/admin/books/transactions",
  pkg: 2,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    kind: ledgerKind.optional(),
    wallet_id: uuid.optional(),
    source_id: text(1, 128).optional(),
    request_id: requestId.optional(),
  }),
  answer: listOf(ledgerTransaction),
  codes: [],
  summary: "Ledger transactions with both sides of every transfer, newest first.",
});

export const readLedgerTransaction = defineRoute({
  method: "GET",
  path: "/v1/admin/books/transactions/:id",
  pkg: 2,
  auth: reads,
  params: z.strictObject({ id: text(1, 192) }),
  answer: ledgerTransaction,
  codes: ["not_found"],
  summary: "One ledger transaction.",
});
