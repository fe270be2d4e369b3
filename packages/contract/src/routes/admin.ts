import { z } from "zod";
import { app } from "../objects/app.ts";
import { developer, developerLimitsIn, developerStatus } from "../objects/developer.ts";
import { ownedWallet, ownerScope, transactionKind, walletTransaction } from "../objects/wallet.ts";
import { defineRoute } from "../route.ts";
import {
  email,
  identifier,
  listOf,
  listQuery,
  moneyAboveZeroIn,
  moneyOut,
  okAnswer,
  oneOf,
  reason,
  reserved,
  signedMoneyOut,
  text,
  timeOut,
  uuid,
} from "../values.ts";

const reads = { class: "op", scopes: ["operator:read"] } as const;
const tenants = { class: "op", scopes: ["operator:tenants"] } as const;
const finance = { class: "op", scopes: ["operator:finance"] } as const;
const idParams = z.strictObject({ id: uuid });

export const readOperator = defineRoute({
  method: "GET",
  path: "/v1/admin/me",
  pkg: 2,
  auth: reads,
  answer: z.strictObject({
    operator: z.strictObject({
      /** `bootstrap` for the credential from the environment. */
      id: z.string(),
      name: z.string(),
      email: z.string().optional(),
    }),
    scopes: z.array(z.string()),
  }),
  codes: [],
  summary: "The calling operator and what it may.",
});

export const listDevelopers = defineRoute({
  method: "GET",
  path: "/v1/admin/developers",
  pkg: 1,
  auth: reads,
  query: z.strictObject({ ...listQuery, status: developerStatus.optional(), q: text(1, 256).optional() }),
  answer: listOf(developer),
  codes: [],
  summary: "All developers.",
});

export const readDeveloperAsOperator = defineRoute({
  method: "GET",
  path: "/v1/admin/developers/:id",
  pkg: 1,
  auth: reads,
  params: idParams,
  answer: developer,
  codes: ["not_found"],
  summary: "One developer.",
});

export const createDeveloper = defineRoute({
  method: "POST",
  path: "/v1/admin/developers",
  pkg: 1,
  auth: tenants,
  status: 201,
  wantsReason: true,
  body: z.strictObject({
    email,
    name: text(1, 256),
    limits: developerLimitsIn.optional(),
    reason,
    ...reserved(4, "clearing_days"),
  }),
  answer: developer,
  codes: ["conflict"],
  summary: "Makes a developer.",
});

export const updateDeveloper = defineRoute({
  method: "PATCH",
  path: "/v1/admin/developers/:id",
  pkg: 1,
  auth: tenants,
  wantsReason: true,
  params: idParams,
  body: z.strictObject({
    email: email.optional(),
    name: text(1, 256).optional(),
    limits: developerLimitsIn.optional(),
    reason,
    ...reserved(4, "clearing_days"),
  }),
  answer: developer,
  codes: ["conflict", "not_found"],
  summary: "Changes a developer.",
});

export const closeDeveloper = defineRoute({
  method: "DELETE",
  path: "/v1/admin/developers/:id",
  pkg: 1,
  auth: tenants,
  wantsReason: true,
  params: idParams,
  query: z.strictObject({ reason }),
  answer: okAnswer,
  codes: ["conflict", "not_found"],
  summary: "Closes a developer that is owed nothing.",
});

export const inviteDeveloper = defineRoute({
  method: "POST",
  path: "/v1/admin/developers/:id/invite",
  pkg: 2,
  auth: tenants,
  status: 201,
  wantsReason: true,
  params: idParams,
  body: z.strictObject({ email: email.optional(), reason, ...reserved("later", "role") }),
  answer: z.strictObject({
    /** Shown once: whoever opens it first is signed in. */
    url: z.string(),
    expires_at: timeOut,
    /** False: no mail was sent; hand the link over yourself. */
    mailed: z.boolean(),
  }),
  codes: ["not_found", "conflict"],
  summary: "Makes a one-time link by which a developer signs in to the console; good for 7 days.",
});

export const listAppsAsOperator = defineRoute({
  method: "GET",
  path: "/v1/admin/apps",
  pkg: 1,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    status: z.enum(["pending", "active", "disabled", "suspended"]).optional(),
    developer_id: uuid.optional(),
    q: text(1, 256).optional(),
    ...reserved(5, "failing_gate"),
  }),
  answer: listOf(app),
  codes: [],
  summary: "All apps.",
});

export const readAppAsOperator = defineRoute({
  method: "GET",
  path: "/v1/admin/apps/:publicAppId",
  pkg: 1,
  auth: reads,
  params: z.strictObject({ publicAppId: identifier }),
  answer: app,
  codes: ["invalid_app"],
  summary: "One app.",
});

export const updateAppAsOperator = defineRoute({
  method: "PATCH",
  path: "/v1/admin/apps/:publicAppId",
  pkg: 1,
  auth: tenants,
  wantsReason: true,
  params: z.strictObject({ publicAppId: identifier }),
  body: z.strictObject({ limits: developerLimitsIn, expected_version: z.int().min(1).optional(), reason }),
  answer: app,
  codes: ["invalid_app", "conflict"],
  summary: "Sets the operator's limits of one app.",
});

export const listWallets = defineRoute({
  method: "GET",
  path: "/v1/admin/wallets",
  pkg: 1,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    owner_scope: ownerScope.optional(),
    owner_id: uuid.optional(),
    public_app_id: identifier.optional(),
    status: z.enum(["active", "frozen", "debt"]).optional(),
  }),
  answer: listOf(ownedWallet),
  codes: [],
  summary: "All wallets.",
});

export const readWallet = defineRoute({
  method: "GET",
  path: "/v1/admin/wallets/:id",
  pkg: 1,
  auth: reads,
  params: idParams,
  answer: ownedWallet,
  codes: ["not_found"],
  summary: "One wallet.",
});

export const listWalletTransactions = defineRoute({
  method: "GET",
  path: "/v1/admin/wallets/:id/transactions",
  pkg: 1,
  auth: reads,
  params: idParams,
  query: z.strictObject({ ...listQuery, kind: transactionKind.optional() }),
  answer: listOf(walletTransaction),
  codes: ["not_found"],
  summary: "Every movement of one wallet.",
});

export const creditTestBalance = defineRoute({
  method: "POST",
  path: "/v1/admin/wallets/:id/credit-test-balance",
  pkg: 1,
  auth: finance,
  idempotent: true,
  params: idParams,
  body: z.strictObject({ amount_usd: moneyAboveZeroIn }),
  answer: ownedWallet,
  codes: ["not_found", "forbidden", "idempotency_in_progress", "idempotency_mismatch", "conflict"],
  summary: "Credits money of the fund `test`.",
});

export const createAdjustment = defineRoute({
  method: "POST",
  path: "/v1/admin/wallets/:id/adjustments",
  pkg: 1,
  auth: finance,
  status: 201,
  idempotent: true,
  wantsReason: true,
  params: idParams,
  body: z.strictObject({
    kind: oneOf(["adjustment"], { refund: 4, chargeback: 4 }).default("adjustment"),
    direction: z.enum(["credit", "debit"]),
    amount_usd: moneyAboveZeroIn,
    reason,
  }),
  answer: z.strictObject({
    id: uuid,
    wallet_id: uuid,
    kind: z.literal("adjustment"),
    direction: z.enum(["credit", "debit"]),
    amount_usd: moneyOut,
    status: z.literal("applied"),
    reason: z.string(),
    wallet_balance_usd: signedMoneyOut,
  }),
  codes: ["not_found", "insufficient_balance", "idempotency_in_progress", "idempotency_mismatch", "conflict"],
  summary: "Credits or debits a wallet by hand; a debit beyond what is available is refused.",
});

export const reconcileLedger = defineRoute({
  method: "GET",
  path: "/v1/admin/reconciliation/ledger",
  pkg: 1,
  auth: reads,
  query: z.strictObject({
    ...listQuery,
    only: z.literal("mismatch").optional(),
    owner_scope: ownerScope.optional(),
  }),
  answer: z.strictObject({
    generated_at: timeOut,
    summary: z.strictObject({
      wallet_count: z.int().min(0),
      balanced_count: z.int().min(0),
      mismatch_count: z.int().min(0),
    }),
    items: z.array(
      z.strictObject({
        wallet_id: uuid,
        owner_scope: ownerScope,
        owner_id: uuid,
        wallet_balance_usd: signedMoneyOut,
        ledger_balance_usd: signedMoneyOut,
        delta_usd: moneyOut,
        status: z.enum(["balanced", "mismatch"]),
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
  codes: [],
  summary: "Stored against derived balance of every wallet, in one snapshot.",
});
