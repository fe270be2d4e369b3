/**
 * The one error table of the wire: what clients read, what the documentation lists, what the servers answer.
 * `retry` decides the header `x-should-retry`.
 */
export const errorTable = {
  invalid_request: {
    status: 400,
    type: "invalid_request_error",
    retry: false,
    when: "malformed or refused input",
  },
  model_not_priced: {
    status: 400,
    type: "invalid_request_error",
    retry: false,
    when: "no effective price for that model on this route",
  },
  unsupported_parameter: {
    status: 400,
    type: "invalid_request_error",
    retry: false,
    when: "cannot be carried to the chosen upstream",
  },
  context_length_exceeded: {
    status: 400,
    type: "invalid_request_error",
    retry: false,
    when: "prompt and output beyond the model",
  },
  secret_validation_failed: {
    status: 400,
    type: "invalid_request_error",
    retry: false,
    when: "a provider key failed its check",
  },
  base_url_not_allowed: {
    status: 400,
    type: "invalid_request_error",
    retry: false,
    when: "the egress guard refused an address",
  },
  invalid_session: {
    status: 401,
    type: "authentication_error",
    retry: false,
    when: "missing, unknown or revoked token",
  },
  expired_session: { status: 401, type: "authentication_error", retry: false, when: "the token has expired" },
  invalid_user_token: {
    status: 401,
    type: "authentication_error",
    retry: false,
    when: "the signed identity was refused; details.reason",
  },
  byok_key_invalid: {
    status: 401,
    type: "authentication_error",
    retry: false,
    when: "the user's own key was refused by its provider",
  },
  insufficient_balance: {
    status: 402,
    type: "insufficient_quota",
    retry: false,
    when: "the wallet cannot cover the hold; details.reason is held or balance",
  },
  budget_exceeded: {
    status: 402,
    type: "insufficient_quota",
    retry: false,
    when: "a limit of the user, feature, app or developer is reached",
  },
  price_above_maximum: {
    status: 402,
    type: "insufficient_quota",
    retry: false,
    when: "the worst case is above a cap of the request, session or quote",
  },
  wallet_frozen: {
    status: 402,
    type: "insufficient_quota",
    retry: false,
    when: "the wallet is switched off or in debt",
  },
  forbidden: {
    status: 403,
    type: "permission_error",
    retry: false,
    when: "scope, origin, identity mode or role does not allow it",
  },
  suspended: {
    status: 403,
    type: "permission_error",
    retry: false,
    when: "the developer, app, feature or end user is off; details.what",
  },
  policy_local_only: {
    status: 403,
    type: "permission_error",
    retry: false,
    when: "the feature may not leave the device",
  },
  invalid_app: { status: 404, type: "not_found_error", retry: false, when: "unknown or disabled app" },
  feature_not_found: {
    status: 404,
    type: "not_found_error",
    retry: false,
    when: "the app has no such feature",
  },
  model_not_found: {
    status: 404,
    type: "not_found_error",
    retry: false,
    when: "not among the models that this token may call",
  },
  not_found: { status: 404, type: "not_found_error", retry: false, when: "any other id or route" },
  method_not_allowed: {
    status: 405,
    type: "invalid_request_error",
    retry: false,
    when: "the route exists, but not with this method; see Allow",
  },
  conflict: {
    status: 409,
    type: "conflict_error",
    retry: false,
    when: "duplicate, wrong state or done already; details.reason",
  },
  idempotency_in_progress: {
    status: 409,
    type: "conflict_error",
    retry: true,
    when: "a request under the same Idempotency-Key is still running",
  },
  payload_too_large: {
    status: 413,
    type: "invalid_request_error",
    retry: false,
    when: "the body is larger than the route takes; details.limit_bytes",
  },
  idempotency_mismatch: {
    status: 422,
    type: "invalid_request_error",
    retry: false,
    when: "the same Idempotency-Key was used with another body",
  },
  rate_limited: {
    status: 429,
    type: "rate_limit_error",
    retry: true,
    when: "too many requests; details: level, limit, reset_at",
  },
  client_closed_request: {
    status: 499,
    type: "api_error",
    retry: false,
    when: "the client left; only in records and logs",
  },
  internal_error: { status: 500, type: "api_error", retry: true, when: "a fault of ours" },
  provider_error: { status: 502, type: "api_error", retry: true, when: "the upstream provider failed" },
  no_available_route: {
    status: 503,
    type: "api_error",
    retry: true,
    when: "nothing allowed is healthy, configured or switched on; details.routes",
  },
  service_unavailable: {
    status: 503,
    type: "api_error",
    retry: true,
    when: "database away, draining, schema behind, or body memory full",
  },
  provider_timeout: {
    status: 504,
    type: "api_error",
    retry: true,
    when: "the upstream provider did not answer in time",
  },
} as const;

export type ErrorCode = keyof typeof errorTable;
export type ErrorType = (typeof errorTable)[ErrorCode]["type"];

/** The envelope of every failure on both services. `message` is one sentence that says what to do. */
export type ErrorEnvelope = {
  error: {
    message: string;
    type: ErrorType;
    param: string | null;
    code: ErrorCode;
    request_id: string;
    details?: Record<string, unknown>;
  };
};
