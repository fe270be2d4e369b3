import packageJson from "../package.json" with { type: "json" };
import { Refused } from "./config/kinds.ts";
import {
  crossFaults,
  type Environment,
  type Fault,
  fitTimeoutDefaults,
  unknownNameWarnings,
} from "./config/rules.ts";
import type { Ring } from "./config/secret-kinds.ts";
import { digestsOfSecrets } from "./config/secrets.ts";
import { type Values, type Variable, type VariableName, variables } from "./config/variables.ts";

export type { Environment, Fault } from "./config/rules.ts";
export type { Ring } from "./config/secret-kinds.ts";
export type Role = "gateway" | "api" | "worker";
export type Config = ReturnType<typeof configOf>;

export type LoadOptions = {
  /**
   * `serve` demands what a server cannot run without; `command` and `platform` take what is there. In production all
   * of them demand what a hosted deployment must have. `hosted` judges an environment as a server in production would.
   */
  need: "serve" | "command" | "platform" | "hosted";
};

/** Everything that is wrong with the environment, all of it at once: variable, fault, what to do; never a value. */
export class ConfigFault extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map((item) => `${item.variable} ${item.fault}: ${item.remedy}.`).join("\n"));
    this.name = "ConfigFault";
    this.faults = faults;
  }
}

/** Reads the environment. The only place that does. @throws ConfigFault */
export function loadConfig(options: LoadOptions, env: Environment = process.env): Config {
  const { faults, values, production } = judge(options.need, env);
  if (faults.length > 0) throw new ConfigFault(faults);
  return configOf(values as Values, production, unknownNameWarnings(env));
}

/** The environment as a server of a hosted deployment judges it, by the same rules. Opens no connection. */
export function judgeHosted(env: Environment = process.env): { faults: Fault[]; warnings: string[] } {
  const { faults } = judge("hosted", env);
  const refused = faults.flatMap(({ variable }) => variable.split(", "));
  return { faults, warnings: unknownNameWarnings(env, refused) };
}

/**
 * What is wrong with the environment of a server, what is merely strange, and the configuration with the default of
 * whatever was refused: for looking at, never for serving.
 */
export function inspectConfig(env: Environment = process.env): {
  faults: Fault[];
  warnings: string[];
  config: Config;
} {
  const { faults, values, production } = judge("serve", env);
  const names = Object.keys(variables) as VariableName[];
  const defaults = names.flatMap((name) => {
    const variable: Variable = variables[name];
    const text = (production ? variable.productionDefault : undefined) ?? variable.default;
    return text === undefined ? [] : [[name, variable.kind.parse(text, false)]];
  });
  const warnings = unknownNameWarnings(
    env,
    faults.flatMap(({ variable }) => variable.split(", ")),
  );
  const filled = { ...Object.fromEntries(defaults), ...values } as Values;
  return { faults, warnings, config: configOf(filled, production, warnings) };
}

/** What stands in a variable that the operator names on the command line; `null` where it is missing or blank. */
export function namedValue(name: string, env: Environment = process.env): string | null {
  return env[name]?.trim() || null;
}

type Need = LoadOptions["need"] | "hosted";

function judge(need: Need, env: Environment) {
  const faults: Fault[] = [];
  const saysProduction = env.NODE_ENV?.trim() === "production";
  const production = saysProduction || need === "hosted";
  const values: Partial<Record<VariableName, unknown>> = {};
  for (const name of Object.keys(variables) as VariableName[]) {
    if (name === "NODE_ENV" && production && !saysProduction) {
      faults.push({ variable: name, fault: "must be production", remedy: "set it to that word, exactly" });
      continue;
    }
    try {
      values[name] = readVariable(name, env, production, need);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      faults.push({ variable: name, fault: error.message, remedy: remedyOf(variables[name]) });
    }
  }
  fitTimeoutDefaults(values as Partial<Values>, env);
  faults.push(...crossFaults(values as Partial<Values>, env, production));
  return { faults, values: values as Partial<Values>, production };
}

function readVariable(name: VariableName, env: Environment, production: boolean, need: Need): unknown {
  const variable: Variable = variables[name];
  const given = env[name]?.trim();
  if (given) return variable.kind.parse(given, production);
  const wanted =
    variable.required !== undefined && (production || (variable.required === "serve" && need === "serve"));
  if (wanted) {
    throw new Refused(
      production ? "is missing" : "is missing (`npm start` makes one, `serve` takes it from the environment)",
    );
  }
  const fallback = (production ? variable.productionDefault : undefined) ?? variable.default;
  if (fallback === undefined) return undefined;
  return variable.kind.parse(fallback, false);
}

/** Never the variable's description: a refused value may be made of the same words. */
function remedyOf(variable: Variable): string {
  return variable.kind.remedy ?? `set it (${variable.kind.name.replaceAll("\\|", "|")})`;
}

/** The environment as the servers use it: grouped, with units in the names, `null` where there is nothing. */
function configOf(values: Values, production: boolean, warnings: readonly string[]) {
  return {
    version: packageJson.version,
    nodeEnv: values.NODE_ENV,
    production,
    warnings,
    hosted: {
      /** The name that is stamped into the database. */
      environment: values.HOSTED_ENVIRONMENT ?? "local",
      secretManager: values.HOSTED_SECRET_MANAGER ?? null,
    },
    dataDir: values.MODELFAUCET_DATA_DIR,
    roles: values.MODELFAUCET_ROLES as readonly Role[],
    bindAddress: values.BIND_ADDRESS,
    ports: {
      api: values.PORT_API,
      gateway: values.PORT_GATEWAY,
      worker: values.PORT_WORKER,
      dashboard: values.PORT_DASHBOARD,
      crmDemo: values.PORT_CRM_DEMO,
      simulatedProvider: values.PORT_SIMULATED_PROVIDER,
    },
    trustedProxyCidrs: values.TRUSTED_PROXY_CIDRS,
    shutdownGraceMs: values.SHUTDOWN_GRACE_MS,
    database: {
      url: values.DATABASE_URL ?? null,
      migrationUrl:
        values.DATABASE_MIGRATION_URL ?? values.DATABASE_DIRECT_URL ?? values.DATABASE_URL ?? null,
      readonlyUrl: values.DATABASE_READONLY_URL ?? values.DATABASE_DIRECT_URL ?? values.DATABASE_URL ?? null,
      directUrl: values.DATABASE_DIRECT_URL ?? values.DATABASE_URL ?? null,
      /** `null`: 20, in a process that is a worker only 8. */
      poolMax: values.DATABASE_POOL_MAX ?? null,
      connectTimeoutMs: values.DATABASE_CONNECT_TIMEOUT_MS,
      statementTimeoutMs: values.DATABASE_STATEMENT_TIMEOUT_MS,
      idleTransactionTimeoutMs: values.DATABASE_IDLE_TRANSACTION_TIMEOUT_MS,
      groupCommitMaxBatch: values.GROUP_COMMIT_MAX_BATCH,
    },
    /** `null`: each instance keeps its rate limits in memory. */
    redisUrl: values.REDIS_URL ?? null,
    /** Per credential, else per address; `maxRequests` 0 is off. */
    rateLimits: {
      api: { maxRequests: values.API_RATE_LIMIT_MAX_REQUESTS, windowMs: values.API_RATE_LIMIT_WINDOW_MS },
      gateway: {
        maxRequests: values.GATEWAY_RATE_LIMIT_MAX_REQUESTS,
        windowMs: values.GATEWAY_RATE_LIMIT_WINDOW_MS,
      },
    },
    /** Absent only where no server runs. */
    secretEncryptionKey: (values.SECRET_ENCRYPTION_KEY ?? null) as Ring | null,
    adminToken: (values.ADMIN_TOKEN ?? null) as Ring | null,
    developerAdminToken: (values.DEVELOPER_ADMIN_TOKEN ?? null) as Ring | null,
    /** Of every secret of this environment, by its variable. */
    secretDigests: digestsOfSecrets(values),
    urls: {
      api: values.API_PUBLIC_BASE_URL,
      gateway: withVersion(values.GATEWAY_PUBLIC_BASE_URL),
      dashboard: values.DASHBOARD_PUBLIC_BASE_URL,
      support: values.PUBLIC_SUPPORT_URL,
      /** What clients are told, with `/v1`. */
      gatewayForClients: withVersion(production ? values.GATEWAY_PUBLIC_BASE_URL : values.GATEWAY_BASE_URL),
    },
    corsOrigins: { api: values.API_CORS_ORIGINS, gateway: values.GATEWAY_CORS_ORIGINS },
    contacts: {
      security: values.SECURITY_CONTACT_EMAIL ?? null,
      abuse: values.ABUSE_CONTACT_EMAIL ?? null,
      incident: values.INCIDENT_CONTACT_EMAIL ?? null,
    },
    sessionTtlSeconds: values.SESSION_TOKEN_TTL_SECONDS,
    userTokenMaxTtlSeconds: values.USER_TOKEN_MAX_TTL_SECONDS,
    switchPollMs: values.SWITCH_POLL_MS,
    providers: {
      internalHosts: values.HOSTED_INTERNAL_HOSTS,
      litellmBaseUrl: values.LITELLM_BASE_URL ?? null,
      litellmMasterKey: (values.LITELLM_MASTER_KEY ?? null) as Ring | null,
      openaiApiKey: values.OPENAI_API_KEY ?? null,
      openrouterApiKey: values.OPENROUTER_API_KEY ?? null,
      anthropicApiKey: values.ANTHROPIC_API_KEY ?? null,
      geminiApiKey: values.GEMINI_API_KEY ?? null,
      connectTimeoutMs: values.PROVIDER_CONNECT_TIMEOUT_MS,
      firstByteTimeoutMs: values.PROVIDER_TIMEOUT_MS,
      unstreamedTimeoutMs: values.PROVIDER_UNSTREAMED_TIMEOUT_MS,
      idleTimeoutMs: values.PROVIDER_IDLE_TIMEOUT_MS,
      totalTimeoutMs: values.PROVIDER_TOTAL_TIMEOUT_MS,
      maxRetries: values.PROVIDER_MAX_RETRIES,
      retryDelayMs: values.PROVIDER_RETRY_DELAY_MS,
      maxConnections: values.PROVIDER_MAX_CONNECTIONS,
      circuit: { failures: values.CIRCUIT_FAILURES, openMs: values.CIRCUIT_OPEN_MS },
    },
    gateway: {
      maxInFlight: values.GATEWAY_MAX_IN_FLIGHT,
      keepaliveMs: values.STREAM_KEEPALIVE_MS,
      usageWaitMs: values.STREAM_USAGE_WAIT_MS,
      settleWaitMs: values.SETTLE_WAIT_MS,
      sseEventLimitBytes: values.SSE_EVENT_LIMIT_BYTES,
    },
    bodies: {
      modelLimitBytes: values.MODEL_BODY_LIMIT_BYTES,
      apiLimitBytes: values.API_BODY_LIMIT_BYTES,
      memoryBytes: values.MODEL_BODY_MEMORY_BYTES,
    },
    holdTtlSeconds: values.HOLD_TTL_SECONDS,
    /** A decimal string; `0` refuses test credit. */
    testCreditMaxUsd: values.TEST_CREDIT_MAX_USD,
    /** Of the key that is judged already; payments come with a later version. */
    stripeMode: values.STRIPE_SECRET_KEY === undefined ? null : stripeModeOf(values.STRIPE_SECRET_KEY),
    priceBookMaxAgeDays: values.PRICE_BOOK_MAX_AGE_DAYS,
    /** 0 keeps everything. */
    retention: {
      sessionsDays: values.RETENTION_SESSIONS_DAYS,
      idempotencyHours: values.RETENTION_IDEMPOTENCY_HOURS,
      usageMonths: values.RETENTION_USAGE_MONTHS,
    },
    /** Both or neither. The secret as written, with `whsec_`. */
    alertWebhook:
      values.ALERT_WEBHOOK_URL && values.ALERT_WEBHOOK_SECRET
        ? { url: values.ALERT_WEBHOOK_URL, secret: values.ALERT_WEBHOOK_SECRET }
        : null,
    /** `null`: no tracing. */
    tracing: tracingOf(values),
    metrics: { token: values.METRICS_TOKEN ?? null, allowedCidrs: values.METRICS_ALLOWED_CIDRS },
    log: { level: values.LOG_LEVEL, format: values.LOG_FORMAT },
    /** `name:action:count`, comma-separated; never set in production. */
    failpoints: values.MODELFAUCET_FAILPOINT ?? null,
    /** How often the worker checks the books and its alert rules. */
    minuteMs: values.MODELFAUCET_MINUTE_MS,
    /** `name=address`, comma-separated; never set in production. */
    hostMap: values.MODELFAUCET_HOST_MAP ?? null,
    /** `address:port` that is asked for the names of tenants' addresses; never set in production. */
    nameServer: values.MODELFAUCET_NAME_SERVER ?? null,
    /** True where another process of ours made this one and it should end with that. */
    endsWithParent: values.MODELFAUCET_PARENT_PID !== undefined,
    clients: {
      apiBaseUrl: values.MODELFAUCET_API_BASE_URL ?? null,
      gatewayBaseUrl: values.MODELFAUCET_GATEWAY_BASE_URL ?? null,
    },
    /** What the operator's checks are told. */
    checks: {
      requireProvider: values.REQUIRE_HOSTED_PROVIDER,
      requireStripe: values.REQUIRE_HOSTED_STRIPE,
      composeAllowsMissingDocker: values.COMPOSE_VERIFY_ALLOW_MISSING_DOCKER,
      allowPrivateSmoke: values.ALLOW_PRIVATE_HOSTED_SMOKE,
    },
    smoke: {
      ports: {
        api: values.SMOKE_API_PORT,
        gateway: values.SMOKE_GATEWAY_PORT,
        provider: values.SMOKE_PROVIDER_PORT,
      },
      providerMode: values.SMOKE_PROVIDER_MODE,
      allowPrivateProvider: values.SMOKE_ALLOW_PRIVATE_PROVIDER,
    },
  };
}

function stripeModeOf(key: string): "live" | "test" {
  return key.split("_")[1] === "live" ? "live" : "test";
}

function tracingOf(values: Values) {
  const endpoint = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined || values.OTEL_SDK_DISABLED) return null;
  return {
    endpoint,
    headers: values.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    protocol: values.OTEL_EXPORTER_OTLP_PROTOCOL,
    /** `null`: `modelfaucet-<role>`. */
    serviceName: values.OTEL_SERVICE_NAME ?? null,
    resourceAttributes: values.OTEL_RESOURCE_ATTRIBUTES ?? {},
    sampler: values.OTEL_TRACES_SAMPLER,
    samplerRatio: values.OTEL_TRACES_SAMPLER_ARG,
  };
}

function withVersion(gatewayUrl: string): string {
  return gatewayUrl.endsWith("/v1") ? gatewayUrl : `${gatewayUrl}/v1`;
}
