// Longer than other files, because it is one table that is read as a whole.
import {
  databaseUrl,
  hostName,
  pageUrl,
  publicUrl,
  redisUrl,
  smtpUrl,
  upstreamUrl,
  webhookUrl,
  webOrigins,
} from "./address-kinds.ts";
import {
  address,
  amountUsd,
  anyText,
  cidr,
  deploymentName,
  flag,
  headerList,
  integer,
  type Kind,
  label,
  listOf,
  ratio,
  trueOrFalse,
  word,
  zeroOr,
} from "./kinds.ts";
import {
  foreignKey,
  ring,
  secretText,
  stripeKey,
  stripeWebhookSecret,
  webhookSecret,
} from "./secret-kinds.ts";

/** Who reads a variable: gateway, api, worker, commands, `npm start` (platform), the
 * compose file, browser builds, the testkit. */
export type Reader =
  | "gateway"
  | "api"
  | "worker"
  | "commands"
  | "platform"
  | "compose"
  | "browser"
  | "testkit";

export type Variable<T = unknown> = {
  readonly for: readonly Reader[];
  readonly kind: Kind<T>;
  /** As it would be written; absent: no value. */
  readonly default?: string;
  /** Where production differs. */
  readonly productionDefault?: string;
  readonly required?: "production" | "serve";
  /** Never printed, logged or baked into an image. */
  readonly secret?: boolean;
  readonly doc: string;
};

const servers = ["gateway", "api", "worker"] as const;
const all = [...servers, "commands"] as const;

const milliseconds = integer(1, 3_600_000);
const port = integer(0, 65_535);

/**
 * Every variable of the environment that is read in this package. The reference, `.env.example` and the loader are all
 * made from this table. Blank counts as missing.
 */
export const variables = {
  NODE_ENV: {
    for: all,
    kind: word("development", "test", "production"),
    default: "development",
    doc: "`production` applies the rules of a hosted deployment and refuses every test wiring.",
  },
  HOSTED_ENVIRONMENT: {
    for: all,
    kind: deploymentName,
    required: "production",
    doc: "Name of the deployment; `migrate` stamps it into the database, and every later command and server refuses the database of another.",
  },
  HOSTED_SECRET_MANAGER: {
    for: all,
    kind: label,
    required: "production",
    doc: "Name of the manager that supplies the secrets.",
  },
  HOSTED_INTERNAL_HOSTS: {
    for: ["gateway", "api"],
    kind: listOf(hostName),
    default: "",
    doc: "Exact host names inside the deployment that `LITELLM_BASE_URL` may use.",
  },
  MODELFAUCET_DATA_DIR: {
    for: ["platform", "commands"],
    kind: anyText,
    default: "./.modelfaucet",
    doc: "Folder of the embedded database, `dev.env` and logs; unused in production.",
  },
  MODELFAUCET_ROLES: {
    for: servers,
    kind: listOf(word("gateway", "api", "worker")),
    default: "gateway,api,worker",
    doc: "The roles that `serve` takes when `--roles` is not given.",
  },
  BIND_ADDRESS: {
    for: servers,
    kind: anyText,
    default: "127.0.0.1",
    productionDefault: "0.0.0.0",
    doc: "The address that the servers listen on.",
  },
  PORT_API: { for: servers, kind: port, default: "3001", doc: "Port of the control API." },
  PORT_GATEWAY: { for: servers, kind: port, default: "3002", doc: "Port of the gateway." },
  PORT_WORKER: {
    for: servers,
    kind: port,
    default: "3003",
    doc: "Port of the worker; it answers `/health`, `/ready` and `/metrics` only.",
  },
  PORT_DASHBOARD: {
    for: ["platform"],
    kind: port,
    default: "5173",
    doc: "Port of the console.",
  },
  PORT_CRM_DEMO: { for: ["platform"], kind: port, default: "5174", doc: "Port of the CRM demo page." },
  PORT_SIMULATED_PROVIDER: {
    for: ["platform"],
    kind: port,
    default: "4010",
    doc: "Port of the simulated provider.",
  },
  TRUSTED_PROXY_CIDRS: {
    for: servers,
    kind: listOf(cidr),
    default: "",
    doc: "Only peers in these ranges may set forwarded headers; for all others the peer is the client.",
  },
  SHUTDOWN_GRACE_MS: {
    for: servers,
    kind: integer(1000, 1_860_000),
    default: "50000",
    doc: "How long open streams may go on after SIGTERM; keep it below the orchestrator's kill time.",
  },
  DATABASE_URL: {
    for: all,
    kind: databaseUrl,
    required: "serve",
    secret: true,
    doc: "PostgreSQL 15 or newer, with the servers' role. `npm start` brings a database of its own.",
  },
  DATABASE_MIGRATION_URL: {
    for: ["commands"],
    kind: databaseUrl,
    secret: true,
    doc: "The owner's role, for `migrate` and `seed`; else `DATABASE_URL`.",
  },
  DATABASE_READONLY_URL: {
    for: ["commands"],
    kind: databaseUrl,
    secret: true,
    doc: "A role that cannot write, for `books` and reads; else `DATABASE_URL`.",
  },
  DATABASE_DIRECT_URL: {
    for: all,
    kind: databaseUrl,
    secret: true,
    doc: "A connection past a transaction pooler, for LISTEN; else `DATABASE_URL`.",
  },
  DATABASE_POOL_MAX: {
    for: servers,
    kind: integer(2, 200),
    doc: "Connections per process; 20 unless given, 8 in the worker.",
  },
  DATABASE_CONNECT_TIMEOUT_MS: {
    for: servers,
    kind: milliseconds,
    default: "5000",
    doc: "How long a new connection may take.",
  },
  DATABASE_STATEMENT_TIMEOUT_MS: {
    for: servers,
    kind: milliseconds,
    default: "10000",
    doc: "How long a statement may run; hold and settle use at most half of it.",
  },
  DATABASE_IDLE_TRANSACTION_TIMEOUT_MS: {
    for: servers,
    kind: milliseconds,
    default: "10000",
    doc: "How long a transaction may wait for us.",
  },
  GROUP_COMMIT_MAX_BATCH: {
    for: servers,
    kind: integer(1, 1024),
    default: "256",
    doc: "Requests that share one commit of the books; 1 switches grouping off.",
  },
  REDIS_URL: {
    for: ["gateway", "api"],
    kind: redisUrl,
    secret: true,
    doc: "Redis or Valkey, where several instances share their rate limits; else each keeps them in memory.",
  },
  SECRET_ENCRYPTION_KEY: {
    for: all,
    kind: ring(32),
    required: "serve",
    secret: true,
    doc: "Seals every stored secret. `npm start` makes one in `dev.env`.",
  },
  ADMIN_TOKEN: {
    for: ["api", "gateway", "commands"],
    kind: ring(24),
    required: "production",
    secret: true,
    doc: "Bootstrap credential of the operator; each use is audited as `bootstrap`.",
  },
  DEVELOPER_ADMIN_TOKEN: {
    for: ["api", "gateway", "commands"],
    kind: ring(24),
    required: "production",
    secret: true,
    doc: "Bootstrap credential of developers; each use is audited as `bootstrap`.",
  },
  API_PUBLIC_BASE_URL: {
    for: servers,
    kind: publicUrl,
    default: "http://127.0.0.1:3001",
    required: "production",
    doc: "Where clients reach the control API.",
  },
  GATEWAY_PUBLIC_BASE_URL: {
    for: servers,
    kind: publicUrl,
    default: "http://127.0.0.1:3002/v1",
    required: "production",
    doc: "Where clients reach the gateway, with or without `/v1`.",
  },
  DASHBOARD_PUBLIC_BASE_URL: {
    for: servers,
    kind: publicUrl,
    default: "http://127.0.0.1:5173",
    required: "production",
    doc: "Where people reach the console; same-site with the API.",
  },
  PUBLIC_SUPPORT_URL: {
    for: servers,
    kind: pageUrl,
    default: "http://127.0.0.1:5173/support",
    required: "production",
    doc: "The page that errors and receipts point people to.",
  },
  GATEWAY_BASE_URL: {
    for: servers,
    kind: publicUrl,
    default: "http://127.0.0.1:3002/v1",
    doc: "What clients are told outside production; in production it is the public one.",
  },
  API_CORS_ORIGINS: {
    for: ["api"],
    kind: webOrigins,
    default: "http://127.0.0.1:5173,http://localhost:5173,http://127.0.0.1:5174,http://localhost:5174",
    required: "production",
    doc: "The operator's own web origins on the API; apps add theirs.",
  },
  GATEWAY_CORS_ORIGINS: {
    for: ["gateway"],
    kind: webOrigins,
    default: "http://127.0.0.1:5173,http://localhost:5173,http://127.0.0.1:5174,http://localhost:5174",
    required: "production",
    doc: "The operator's own web origins on the gateway; apps add theirs.",
  },
  SECURITY_CONTACT_EMAIL: {
    for: ["api"],
    kind: address,
    required: "production",
    doc: "Served publicly for reports of weaknesses.",
  },
  ABUSE_CONTACT_EMAIL: {
    for: ["api"],
    kind: address,
    required: "production",
    doc: "Served publicly for reports of abuse.",
  },
  INCIDENT_CONTACT_EMAIL: {
    for: ["api"],
    kind: address,
    required: "production",
    doc: "Served publicly for questions about incidents.",
  },
  API_RATE_LIMIT_MAX_REQUESTS: {
    for: ["api"],
    kind: integer(0, 1_000_000_000),
    default: "1200",
    doc: "Requests to the API per window and credential, else per address; 0 switches the limit off.",
  },
  API_RATE_LIMIT_WINDOW_MS: {
    for: ["api"],
    kind: integer(100, 86_400_000),
    default: "60000",
    doc: "The window of that limit.",
  },
  GATEWAY_RATE_LIMIT_MAX_REQUESTS: {
    for: ["gateway"],
    kind: integer(0, 1_000_000_000),
    default: "1200",
    doc: "Requests to the gateway per window and credential, else per address; 0 switches the limit off.",
  },
  GATEWAY_RATE_LIMIT_WINDOW_MS: {
    for: ["gateway"],
    kind: integer(100, 86_400_000),
    default: "60000",
    doc: "The window of that limit.",
  },
  SESSION_TOKEN_TTL_SECONDS: {
    for: ["api"],
    kind: integer(60, 86_400),
    default: "3600",
    doc: "Life of a session where the app names none.",
  },
  USER_TOKEN_MAX_TTL_SECONDS: {
    for: ["api"],
    kind: integer(30, 3600),
    default: "600",
    doc: "Longest life of a signed user token.",
  },
  SWITCH_POLL_MS: {
    for: servers,
    kind: integer(100, 1000),
    default: "500",
    doc: "Poll of the change feed of sessions, features, prices, switches and providers.",
  },
  LITELLM_BASE_URL: {
    for: ["gateway"],
    kind: upstreamUrl,
    required: "production",
    doc: "The operator's LiteLLM proxy.",
  },
  LITELLM_MASTER_KEY: {
    for: ["gateway"],
    kind: ring(24),
    required: "production",
    secret: true,
    doc: "Key of the LiteLLM proxy; the second of a ring is tried on 401.",
  },
  OPENAI_API_KEY: {
    for: ["gateway"],
    kind: foreignKey,
    secret: true,
    doc: "The operator's own key for the provider `openai`.",
  },
  OPENROUTER_API_KEY: {
    for: ["gateway"],
    kind: foreignKey,
    secret: true,
    doc: "The operator's own key for the provider `openrouter`.",
  },
  ANTHROPIC_API_KEY: {
    for: ["gateway"],
    kind: foreignKey,
    secret: true,
    doc: "The operator's own key for the provider `anthropic`.",
  },
  GEMINI_API_KEY: {
    for: ["gateway"],
    kind: foreignKey,
    secret: true,
    doc: "The operator's own key for the provider `gemini`, called by its OpenAI-compatible endpoint.",
  },
  PROVIDER_CONNECT_TIMEOUT_MS: {
    for: ["gateway"],
    kind: milliseconds,
    default: "10000",
    doc: "How long connecting to an upstream may take.",
  },
  PROVIDER_TIMEOUT_MS: {
    for: ["gateway"],
    kind: milliseconds,
    default: "120000",
    doc: "How long the first byte of a stream may take.",
  },
  PROVIDER_UNSTREAMED_TIMEOUT_MS: {
    for: ["gateway"],
    kind: milliseconds,
    default: "900000",
    doc: "How long the first byte of an answer that is not streamed may take.",
  },
  PROVIDER_IDLE_TIMEOUT_MS: {
    for: ["gateway"],
    kind: milliseconds,
    default: "120000",
    doc: "The longest gap between two bytes from upstream.",
  },
  PROVIDER_TOTAL_TIMEOUT_MS: {
    for: ["gateway"],
    kind: milliseconds,
    default: "1800000",
    doc: "How long one attempt may take altogether.",
  },
  PROVIDER_MAX_RETRIES: {
    for: ["gateway"],
    kind: integer(0, 5),
    default: "1",
    doc: "Further attempts before the first byte.",
  },
  PROVIDER_RETRY_DELAY_MS: {
    for: ["gateway"],
    kind: integer(0, 60_000),
    default: "250",
    doc: "Upper bound of the random wait before a further attempt.",
  },
  CIRCUIT_FAILURES: {
    for: ["gateway"],
    kind: integer(1, 1_000_000),
    default: "5",
    doc: "Failures of one upstream in a row after which it is left alone for a while.",
  },
  CIRCUIT_OPEN_MS: {
    for: ["gateway"],
    kind: integer(10, 3_600_000),
    default: "30000",
    doc: "How long it is left alone; then one request tries.",
  },
  PROVIDER_MAX_CONNECTIONS: {
    for: ["gateway"],
    kind: integer(1, 65_535),
    default: "256",
    doc: "Connections per upstream origin.",
  },
  GATEWAY_MAX_IN_FLIGHT: {
    for: ["gateway"],
    kind: integer(1, 1_000_000),
    default: "2000",
    doc: "Model requests at a time; beyond it 503 before a hold.",
  },
  STREAM_KEEPALIVE_MS: {
    for: ["gateway"],
    kind: integer(1000, 10_000),
    default: "10000",
    doc: "A comment is sent when a stream has been silent for so long.",
  },
  STREAM_USAGE_WAIT_MS: {
    for: ["gateway"],
    kind: milliseconds,
    default: "5000",
    doc: "How long the last chunk waits for upstream's usage.",
  },
  SETTLE_WAIT_MS: {
    for: ["gateway"],
    kind: milliseconds,
    default: "5000",
    doc: "How long an answer waits for its settlement; then it leaves as pending.",
  },
  MODEL_BODY_LIMIT_BYTES: {
    for: ["gateway"],
    kind: integer(1024, 268_435_456),
    default: "33554432",
    doc: "Largest body on model routes.",
  },
  MODEL_BODY_MEMORY_BYTES: {
    for: ["gateway", "api"],
    kind: integer(1_048_576, 68_719_476_736),
    default: "268435456",
    doc: "All request bodies in flight together; beyond it 503 before reading.",
  },
  API_BODY_LIMIT_BYTES: {
    for: ["api"],
    kind: integer(1024, 33_554_432),
    default: "1048576",
    doc: "Largest body on all other routes.",
  },
  SSE_EVENT_LIMIT_BYTES: {
    for: ["gateway"],
    kind: integer(1024, 67_108_864),
    default: "4194304",
    doc: "Largest event of a stream.",
  },
  HOLD_TTL_SECONDS: {
    for: ["gateway", "worker"],
    kind: integer(5, 600),
    default: "30",
    doc: "Lease of a hold, renewed at every third of it.",
  },
  TEST_CREDIT_MAX_USD: {
    for: ["api"],
    kind: amountUsd,
    default: "100.00",
    productionDefault: "0",
    doc: "Most test balance that one credit may give; 0 refuses it.",
  },
  STRIPE_SECRET_KEY: {
    for: ["commands"],
    kind: stripeKey,
    secret: true,
    doc: "Judged by the verifier; payments come with a later version.",
  },
  STRIPE_WEBHOOK_SECRET: {
    for: ["commands"],
    kind: stripeWebhookSecret,
    secret: true,
    doc: "Judged by the verifier; payments come with a later version.",
  },
  STRIPE_API_BASE_URL: {
    for: ["commands"],
    kind: upstreamUrl,
    doc: "Address of a stand-in for Stripe; refused in production.",
  },
  SMTP_URL: {
    for: ["commands"],
    kind: smtpUrl,
    secret: true,
    doc: "Judged by the verifier; mail comes with a later version.",
  },
  MAIL_FROM: {
    for: ["commands"],
    kind: address,
    doc: "Judged by the verifier; mail comes with a later version.",
  },
  PRICE_BOOK_MAX_AGE_DAYS: {
    for: ["worker"],
    kind: integer(1, 3650),
    default: "45",
    doc: "An older newest price version raises an alert; calls go on.",
  },
  RETENTION_SESSIONS_DAYS: {
    for: ["worker", "commands"],
    kind: integer(0, 3650),
    default: "30",
    doc: "Sessions are kept so long after their end; 0 keeps them.",
  },
  RETENTION_IDEMPOTENCY_HOURS: {
    for: ["worker", "commands"],
    kind: zeroOr(24, 8760),
    default: "48",
    doc: "Idempotency keys are kept so long, at least 24; 0 keeps them. The sealed answer of a model always goes after 24 hours.",
  },
  RETENTION_USAGE_MONTHS: {
    for: ["worker", "commands"],
    kind: zeroOr(13, 1200),
    default: "0",
    doc: "Usage is kept so long, at least 13; 0 keeps it.",
  },
  METRICS_TOKEN: {
    for: servers,
    kind: secretText,
    secret: true,
    doc: "Bearer token that opens `/metrics`; an operator token always does.",
  },
  METRICS_ALLOWED_CIDRS: {
    for: servers,
    kind: listOf(cidr),
    default: "127.0.0.0/8,::1/128",
    doc: "Peers that may read `/metrics` without a token, unless their request was forwarded.",
  },
  ALERT_WEBHOOK_URL: {
    for: ["worker"],
    kind: webhookUrl,
    secret: true,
    doc: "Every alert that opens or closes is sent there as a Standard Webhook; goes together with its secret.",
  },
  ALERT_WEBHOOK_SECRET: {
    for: ["worker"],
    kind: webhookSecret,
    secret: true,
    doc: "Signs what is sent to `ALERT_WEBHOOK_URL`.",
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    for: servers,
    kind: upstreamUrl,
    doc: "Collector of traces; without it no tracing code is loaded.",
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    for: servers,
    kind: headerList,
    secret: true,
    doc: "Headers for the collector, `name=value`, comma-separated, values percent-encoded.",
  },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    for: servers,
    kind: word("http/protobuf"),
    default: "http/protobuf",
    doc: "How traces travel.",
  },
  OTEL_SERVICE_NAME: {
    for: servers,
    kind: anyText,
    doc: "Name of the service in traces; else `modelfaucet-<role>`.",
  },
  OTEL_RESOURCE_ATTRIBUTES: {
    for: servers,
    kind: headerList,
    doc: "Attributes of every trace, `name=value`, comma-separated, values percent-encoded.",
  },
  OTEL_TRACES_SAMPLER: {
    for: servers,
    kind: word(
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
    ),
    default: "parentbased_traceidratio",
    doc: "Which requests are traced.",
  },
  OTEL_TRACES_SAMPLER_ARG: {
    for: servers,
    kind: ratio,
    default: "0.05",
    doc: "The share that a ratio sampler takes.",
  },
  OTEL_SDK_DISABLED: {
    for: servers,
    kind: trueOrFalse,
    default: "false",
    doc: "`true` switches tracing off whatever else is set.",
  },
  LOG_LEVEL: {
    for: servers,
    kind: word("trace", "debug", "info", "warn", "error", "fatal", "silent"),
    default: "info",
    doc: "The least severe level that is logged.",
  },
  LOG_FORMAT: {
    for: servers,
    kind: word("json", "pretty"),
    default: "json",
    doc: "`pretty` is for people at a terminal.",
  },
  NODE_TLS_REJECT_UNAUTHORIZED: {
    for: servers,
    kind: anyText,
    doc: "Node's own switch; `0` is refused in production.",
  },
  NODE_OPTIONS: {
    for: servers,
    kind: anyText,
    doc: "Node's own options; an inspector is refused in production.",
  },
  LITELLM_LOG: {
    for: servers,
    kind: anyText,
    doc: "LiteLLM's own log level; `DEBUG` is refused in production, because it writes keys and headers.",
  },
  REQUIRE_HOSTED_PROVIDER: {
    for: ["commands"],
    kind: flag,
    default: "0",
    doc: "1: the verifier wants a provider key.",
  },
  REQUIRE_HOSTED_STRIPE: {
    for: ["commands"],
    kind: flag,
    default: "0",
    doc: "1: the verifier wants both secrets of Stripe.",
  },
  COMPOSE_VERIFY_ALLOW_MISSING_DOCKER: {
    for: ["commands"],
    kind: flag,
    default: "1",
    doc: "1: `compose:verify` is content with its static rules where the files cannot be rendered.",
  },
  ALLOW_PRIVATE_HOSTED_SMOKE: {
    for: ["commands"],
    kind: flag,
    default: "0",
    doc: "1: `hosted:smoke-readiness` takes private targets.",
  },
  SMOKE_API_PORT: {
    for: ["commands"],
    kind: port,
    default: "3101",
    doc: "Port of the API that a smoke test starts.",
  },
  SMOKE_GATEWAY_PORT: {
    for: ["commands"],
    kind: port,
    default: "3102",
    doc: "Port of the gateway that a smoke test starts.",
  },
  SMOKE_PROVIDER_PORT: {
    for: ["commands"],
    kind: port,
    default: "4100",
    doc: "Port of the simulated provider that a smoke test starts.",
  },
  SMOKE_PROVIDER_MODE: {
    for: ["commands"],
    kind: word("simulated", "external"),
    default: "simulated",
    doc: "Whether a smoke test calls the simulated provider or the configured real ones.",
  },
  SMOKE_ALLOW_PRIVATE_PROVIDER: {
    for: ["commands"],
    kind: flag,
    default: "0",
    doc: "1: a smoke test of real providers takes a private `LITELLM_BASE_URL`.",
  },
  MODELFAUCET_API_BASE_URL: {
    for: ["commands"],
    kind: upstreamUrl,
    doc: "The API that a command talks to.",
  },
  MODELFAUCET_GATEWAY_BASE_URL: {
    for: ["commands"],
    kind: upstreamUrl,
    doc: "The gateway that a command talks to.",
  },
  HOSTED_API_PORT: {
    for: ["compose"],
    kind: port,
    default: "3001",
    doc: "Published port of the API.",
  },
  HOSTED_GATEWAY_PORT: {
    for: ["compose"],
    kind: port,
    default: "3002",
    doc: "Published port of the gateway.",
  },
  HOSTED_DASHBOARD_PORT: {
    for: ["compose"],
    kind: port,
    default: "5173",
    doc: "Published port of the console.",
  },
  MODELFAUCET_VERSION: {
    for: ["compose"],
    kind: anyText,
    doc: "Tag of the images; else the release that the file came with.",
  },
  VITE_MODELFAUCET_API_BASE_URL: {
    for: ["browser"],
    kind: upstreamUrl,
    doc: "The API that pages call; the only variable that the console is built with.",
  },
  VITE_MODELFAUCET_GATEWAY_BASE_URL: {
    for: ["browser"],
    kind: upstreamUrl,
    doc: "The gateway that the CRM demo calls.",
  },
  VITE_MODELFAUCET_PUBLIC_APP_ID: {
    for: ["browser"],
    kind: anyText,
    doc: "The app that the CRM demo signs its users into.",
  },
  VITE_MODELFAUCET_BRIDGE_URL: {
    for: ["browser"],
    kind: upstreamUrl,
    doc: "The local bridge that the CRM demo looks for; else `http://127.0.0.1:8787`.",
  },
  WEBSITE_BASE: {
    for: ["browser"],
    kind: anyText,
    doc: "Path under which the documentation site lies.",
  },
  MODELFAUCET_PARENT_PID: {
    for: ["platform"],
    kind: anyText,
    doc: "Set by `npm start` and the tests: this process ends when the one that made it is gone.",
  },
  MODELFAUCET_HOST_MAP: {
    for: ["testkit"],
    kind: anyText,
    doc: "Test wiring: `name=address`, comma-separated, instead of the system's resolver; `!` after it makes it a stand-in for a public host; refused in production.",
  },
  MODELFAUCET_NAME_SERVER: {
    for: ["testkit"],
    kind: anyText,
    doc: "Test wiring: `address:port` of the name server that is asked for tenants' addresses; refused in production.",
  },
  MODELFAUCET_MINUTE_MS: {
    for: ["testkit"],
    kind: integer(50, 3_600_000),
    default: "30000",
    doc: "Test wiring: how often the worker checks the books and its alert rules, so that a fault shows within a minute.",
  },
  MODELFAUCET_FAILPOINT: {
    for: ["testkit"],
    kind: anyText,
    doc: "Test wiring: `name:action:count`, comma-separated; refused in production.",
  },
} as const satisfies Record<string, Variable>;

export type VariableName = keyof typeof variables;

/** What each variable parses to; `undefined` where there is neither a value nor a default. */
export type Values = {
  [N in VariableName]: (typeof variables)[N] extends { readonly kind: Kind<infer T> }
    ? (typeof variables)[N] extends { readonly default: string }
      ? T
      : T | undefined
    : never;
};
