import { type Arrival, arrivalSentence } from "./values.ts";

/**
 * Routes that are planned and not built: they answer 404 and say so. A star stands for anything, slashes included; the
 * first pattern that fits counts. The method does not matter here, because a path with a built method answers 405.
 */
const laterPaths: readonly (readonly [Arrival, ...string[]])[] = [
  [7, "/v1/responses", "/v1/embeddings", "/v1/messages", "/v1/messages/count_tokens"],
  ["later", "/v1/completions", "/v1/images/*", "/v1/audio/*", "/v1/moderations", "/v1/key", "/v1/credits"],
  [6, "/v1/sessions/exchange", "/v1/user/notices/*", "/v1/user/usage/summary", "/v1/user/exports*"],
  [6, "/v1/user/wallet-links"],
  [3],
  [6, "/v1/console/events"],
  ["later", "/v1/console/oidc/*"],
  [
    "later",
    "/v1/local/permits",
    "/v1/local/endpoints*",
    "/v1/user/stripe/payment-intents",
    "/v1/user/stripe/setup-intents",
  ],
  ["later", "/v1/user/payment-methods*", "/v1/user/auto-topup", "/v1/user/promo-codes/*"],
  ["later", "/v1/user/receipts/*.pdf", "/v1/user/receipts/*/proof", "/v1/receipts/roots*"],
  [
    4,
    "/v1/user/topups*",
    "/v1/user/stripe/*",
    "/v1/user/refund-requests",
    "/v1/user/disputes*",
    "/v1/quotes",
  ],
  [4, "/v1/user/wallet/transactions.csv", "/v1/user/usage.csv", "/v1/developer/requests.csv"],
  [4, "/v1/developer/revenue", "/v1/developer/earnings*", "/v1/developer/statements*"],
  [4, "/v1/developer/payout-account*", "/v1/developer/payouts*", "/v1/developer/disputes*"],
  [4, "/v1/developer/operations", "/v1/developer/webhook-*", "/v1/developer/events*"],
  ["later", "/v1/developer/members*", "/v1/developer/apps/*/users/*/grants"],
  [5, "/v1/developer/acceptable-use/*", "/v1/developer/apps/*/gates*"],
  [6, "/v1/developer/apps/*/users/*/erasure"],
  ["later", "/v1/admin/audit-logs/verify", "/v1/admin/legal-holds*", "/v1/admin/promo-campaigns*"],
  [4, "/v1/admin/adjustments/*/reverse", "/v1/admin/requests/*/reverse", "/v1/admin/topups*"],
  [4, "/v1/admin/disputes*", "/v1/admin/refund-requests*", "/v1/admin/payouts*", "/v1/admin/reports/*"],
  [
    4,
    "/v1/admin/reconciliation/stripe",
    "/v1/admin/reconciliation/providers",
    "/v1/admin/stripe-events*",
    "/v1/stripe/webhook",
    "/v1/receipts/verify",
  ],
  [5, "/v1/admin/apps/*/activate", "/v1/admin/apps/*/gates*", "/v1/admin/triage", "/v1/admin/incidents*"],
  [5, "/v1/admin/evidence-exports*", "/v1/admin/abuse-proposals*", "/v1/admin/jobs*"],
  [6, "/v1/admin/analytics/*"],
  [4, "/.well-known/modelfaucet/jwks.json"],
  [5, "/.well-known/security.txt", "/v1/status*", "/v1/contacts", "/v1/acceptable-use"],
  [7, "/openapi.json"],
];

const patterns = laterPaths.flatMap(([arrival, ...paths]) =>
  paths.map((path) => ({
    arrival,
    form: new RegExp(
      `^${path
        .split("*")
        .map((part) => part.replace(/[.]/g, "\\."))
        .join(".*")}$`,
    ),
  })),
);

/** "comes with package 4 and is not available yet" where the path is a planned one. */
export function laterRouteSentence(path: string): string | undefined {
  const hit = patterns.find((pattern) => pattern.form.test(path));
  return hit && arrivalSentence(hit.arrival);
}
