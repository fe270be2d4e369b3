import { z } from "zod";
import { identity, links, sessionFeature } from "../objects/session.ts";
import { receipt, usageItem, usageStatus } from "../objects/usage.ts";
import { transactionKind, wallet, walletTransaction } from "../objects/wallet.ts";
import { defineRoute } from "../route.ts";
import {
  identifier,
  listOf,
  listQuery,
  modelName,
  moneyOut,
  receiptOrRequestId,
  requestId,
  routeMode,
  signedMoneyOut,
  timeOut,
  uuid,
  wholeNumber,
} from "../values.ts";

const auth = { class: "session", scopes: ["wallet:read"] } as const;

export const readUser = defineRoute({
  method: "GET",
  path: "/v1/user/me",
  pkg: 1,
  auth,
  answer: z.strictObject({
    id: uuid,
    end_user_id_hash: z.string(),
    public_app_id: identifier,
    app_name: z.string(),
    status: z.enum(["active", "suspended"]),
    identity,
    session: z.strictObject({
      id: uuid,
      expires_at: timeOut,
      scopes: z.array(z.string()),
      feature_key: identifier.optional(),
      max_spend_usd: moneyOut.optional(),
      spent_usd: moneyOut,
    }),
    features: z.array(sessionFeature),
    time_zone: z.string(),
    notices: z.array(
      z.strictObject({
        id: uuid,
        kind: z.string(),
        text_key: z.string(),
        details: z.record(z.string(), z.json()),
        created_at: timeOut,
      }),
    ),
    links,
    created_at: timeOut,
  }),
  codes: [],
  summary: "Who the session belongs to, and what it may do.",
});

export const readUserWallet = defineRoute({
  method: "GET",
  path: "/v1/user/wallet",
  pkg: 1,
  auth,
  query: z.strictObject({
    changed_from: signedMoneyOut.optional(),
    wait_seconds: wholeNumber(0, 60).optional(),
  }),
  answer: wallet,
  codes: [],
  summary: "The wallet; with `changed_from` and `wait_seconds` it answers when the balance differs.",
});

export const listUserTransactions = defineRoute({
  method: "GET",
  path: "/v1/user/wallet/transactions",
  pkg: 1,
  auth,
  query: z.strictObject({ ...listQuery, kind: transactionKind.optional() }),
  answer: listOf(walletTransaction),
  codes: [],
  summary: "Every movement of the wallet, with the balance after it.",
});

export const listUserUsage = defineRoute({
  method: "GET",
  path: "/v1/user/usage",
  pkg: 1,
  auth,
  query: z.strictObject({
    ...listQuery,
    feature_key: identifier.optional(),
    route_mode: routeMode.optional(),
    model: modelName.optional(),
    request_id: requestId.optional(),
    status: usageStatus.optional(),
  }),
  answer: listOf(usageItem),
  codes: [],
  summary: "The user's requests, open ones as `pending`.",
});

export const listUserReceipts = defineRoute({
  method: "GET",
  path: "/v1/user/receipts",
  pkg: 1,
  auth,
  query: z.strictObject({ ...listQuery }),
  answer: listOf(receipt),
  codes: [],
  summary: "The receipts of the user's charges.",
});

export const readUserReceipt = defineRoute({
  method: "GET",
  path: "/v1/user/receipts/:id",
  pkg: 1,
  auth,
  params: z.strictObject({ id: receiptOrRequestId }),
  answer: receipt,
  codes: ["not_found"],
  summary: "One receipt, by its own id or its request's.",
});
