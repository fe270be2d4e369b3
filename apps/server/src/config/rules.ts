import { isMetadataHost, isPrivateHost, siteOf } from "./hosts.ts";
import { ownPrefixes, reservedNames } from "./reserved.ts";
import { browserNamesWithSecrets, secretNames, secretPartsOf } from "./secrets.ts";
import { type Values, type VariableName, variables } from "./variables.ts";

/** Rules that take more than one variable, or that hold in production alone. Sentences never repeat a value. */

export type Fault = { variable: string; fault: string; remedy: string };
export type Environment = { readonly [name: string]: string | undefined };

export function crossFaults(values: Partial<Values>, env: Environment, production: boolean): Fault[] {
  return [
    ...reusedSecrets(env),
    ...timeoutFaults(values),
    ...browserFaults(env),
    ...pairFaults(env),
    ...contentCaptureFaults(env),
    ...(production ? hostedFaults(values, env) : []),
  ];
}

/** One sentence per name that looks like ours and is none; those that are refused anyway need none. */
export function unknownNameWarnings(env: Environment, refused: readonly string[] = []): string[] {
  const known = [...Object.keys(variables), ...reservedNames];
  return Object.keys(env)
    .filter((name) => ownPrefixes.some((prefix) => name.startsWith(prefix)) && !known.includes(name))
    .filter((name) => !refused.includes(name))
    .map((name) => `${name} is not a variable of ModelFaucet; the nearest name is ${nearest(name, known)}.`);
}

/** One value behind two names: whoever learns it by the one has the other. Of a URL the password counts. */
function reusedSecrets(env: Environment): Fault[] {
  const holders = new Map<string, Set<string>>();
  for (const name of secretNames) {
    for (const part of secretPartsOf(env[name]))
      holders.set(part, (holders.get(part) ?? new Set()).add(name));
  }
  return [...holders.values()]
    .map((names) => [...names])
    .filter((names) => names.length > 1 && !names.every((name) => name.startsWith("DATABASE_")))
    .map((names) => ({
      variable: names.join(", "),
      fault: "hold the same secret",
      remedy: "give each of them a value of its own",
    }));
}

/** Whoever shortens one limit of an attempt need not name the others: their defaults give way, what was set does not. */
export function fitTimeoutDefaults(values: Partial<Values>, env: Environment): void {
  const isDefault = (name: keyof Values): boolean => !env[name]?.trim();
  const total = values.PROVIDER_TOTAL_TIMEOUT_MS;
  for (const name of [
    "PROVIDER_TIMEOUT_MS",
    "PROVIDER_UNSTREAMED_TIMEOUT_MS",
    "PROVIDER_IDLE_TIMEOUT_MS",
  ] as const) {
    const value = values[name];
    if (total !== undefined && value !== undefined && value > total && isDefault(name)) values[name] = total;
  }
  const firstByte = values.PROVIDER_TIMEOUT_MS;
  const connect = values.PROVIDER_CONNECT_TIMEOUT_MS;
  if (firstByte === undefined || connect === undefined || connect < firstByte) return;
  if (isDefault("PROVIDER_CONNECT_TIMEOUT_MS"))
    values.PROVIDER_CONNECT_TIMEOUT_MS = Math.max(1, firstByte - 1);
}

function timeoutFaults(values: Partial<Values>): Fault[] {
  const connect = values.PROVIDER_CONNECT_TIMEOUT_MS ?? 0;
  const firstByte = values.PROVIDER_TIMEOUT_MS ?? Number.POSITIVE_INFINITY;
  const total = values.PROVIDER_TOTAL_TIMEOUT_MS ?? Number.POSITIVE_INFINITY;
  const faults: Fault[] = [];
  if (connect >= firstByte) {
    faults.push({
      variable: "PROVIDER_CONNECT_TIMEOUT_MS",
      fault: "is not below PROVIDER_TIMEOUT_MS",
      remedy: "connecting must be allowed less time than the first byte",
    });
  }
  const inner = [
    "PROVIDER_TIMEOUT_MS",
    "PROVIDER_UNSTREAMED_TIMEOUT_MS",
    "PROVIDER_IDLE_TIMEOUT_MS",
  ] as const;
  for (const name of inner) {
    if ((values[name] ?? 0) > total) {
      faults.push({
        variable: name,
        fault: "is above PROVIDER_TOTAL_TIMEOUT_MS",
        remedy: "no part of an attempt may be allowed more time than the whole",
      });
    }
  }
  return faults;
}

/** Nothing that a bundler bakes into a page may hold a secret of the servers. */
function browserFaults(env: Environment): Fault[] {
  return browserNamesWithSecrets(env).map((name) => ({
    variable: name,
    fault: "would put a secret into a page that everybody can read",
    remedy: "remove it; browsers get public addresses only",
  }));
}

/** Half of a pair does nothing, and looks as if it did. */
function pairFaults(env: Environment): Fault[] {
  return pairs.flatMap(([first, second]) => {
    const [one, other] = [isGiven(env, first), isGiven(env, second)];
    if (one === other) return [];
    const [missing, given] = one ? [second, first] : [first, second];
    return [{ variable: missing, fault: `is missing beside ${given}`, remedy: "set both or neither" }];
  });
}

const pairs = [
  ["ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET"],
  ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"],
  ["SMTP_URL", "MAIL_FROM"],
] as const;

function isGiven(env: Environment, name: VariableName): boolean {
  return (env[name]?.trim() ?? "") !== "";
}

/** Instrumentation that writes prompts and answers into traces: no deployment may switch it on. */
function contentCaptureFaults(env: Environment): Fault[] {
  return Object.entries(env)
    .filter(([name, value]) => /^OTEL_.*CAPTURE.*(CONTENT|MESSAGE|BODY|HEADER)/.test(name) && value?.trim())
    .map(([name]) => ({
      variable: name,
      fault: "would put prompts, answers or headers into traces",
      remedy: "remove it; traces never carry content",
    }));
}

function hostedFaults(values: Partial<Values>, env: Environment): Fault[] {
  return [
    ...forbiddenFaults(values),
    ...litellmFaults(values),
    ...sameSiteFaults(values),
    ...demandedFaults(values, env),
  ];
}

function forbiddenFaults(values: Partial<Values>): Fault[] {
  const forbidden: [VariableName, boolean, string, string][] = [
    [
      "NODE_TLS_REJECT_UNAUTHORIZED",
      values.NODE_TLS_REJECT_UNAUTHORIZED === "0",
      "switches certificate checks off",
      "remove it",
    ],
    [
      "NODE_OPTIONS",
      /--(inspect|debug)/.test(values.NODE_OPTIONS ?? ""),
      "opens an inspector",
      "remove the inspector from it",
    ],
    [
      "LITELLM_LOG",
      /^debug$/i.test(values.LITELLM_LOG ?? ""),
      "makes LiteLLM log keys and headers",
      "remove it, or set it to INFO",
    ],
    [
      "STRIPE_API_BASE_URL",
      values.STRIPE_API_BASE_URL !== undefined,
      "points payments at a stand-in",
      "remove it",
    ],
    [
      "MODELFAUCET_HOST_MAP",
      values.MODELFAUCET_HOST_MAP !== undefined,
      "is test wiring",
      "remove it: production resolves names by its system",
    ],
    [
      "MODELFAUCET_NAME_SERVER",
      values.MODELFAUCET_NAME_SERVER !== undefined,
      "is test wiring",
      "remove it: production resolves names by its system",
    ],
    [
      "MODELFAUCET_FAILPOINT",
      values.MODELFAUCET_FAILPOINT !== undefined,
      "is test wiring",
      "remove it: failpoints never run in production",
    ],
  ];
  return forbidden
    .filter(([, isSet]) => isSet)
    .map(([variable, , fault, remedy]) => ({ variable, fault, remedy }));
}

/** LiteLLM must not face the internet, so a host that the operator lists may be private; no other. */
function litellmFaults(values: Partial<Values>): Fault[] {
  const url = URL.parse(values.LITELLM_BASE_URL ?? "");
  if (!url || (values.HOSTED_INTERNAL_HOSTS ?? []).includes(url.hostname)) return [];
  if (url.protocol === "https:" && !isPrivateHost(url.hostname) && !isMetadataHost(url.hostname)) return [];
  return [
    {
      variable: "LITELLM_BASE_URL",
      fault: "is neither public https nor listed",
      remedy: "use an https address, or list its exact host name in HOSTED_INTERNAL_HOSTS",
    },
  ];
}

/** The console's cookie is same-site. */
function sameSiteFaults(values: Partial<Values>): Fault[] {
  const { API_PUBLIC_BASE_URL: api, DASHBOARD_PUBLIC_BASE_URL: dashboard } = values;
  if (!api || !dashboard || siteOf(api) === siteOf(dashboard)) return [];
  return [
    {
      variable: "DASHBOARD_PUBLIC_BASE_URL",
      fault: "is not same-site with API_PUBLIC_BASE_URL",
      remedy: "put both under one domain",
    },
  ];
}

const providerKeys = ["OPENAI_API_KEY", "OPENROUTER_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"] as const;

function demandedFaults(values: Partial<Values>, env: Environment): Fault[] {
  const faults: Fault[] = [];
  if (values.REQUIRE_HOSTED_PROVIDER && !providerKeys.some((name) => isGiven(env, name))) {
    faults.push({
      variable: "REQUIRE_HOSTED_PROVIDER",
      fault: "wants a key of a provider, and there is none",
      remedy: `set one of ${providerKeys.join(", ")}`,
    });
  }
  const stripe = ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"] as const;
  if (values.REQUIRE_HOSTED_STRIPE && !stripe.some((name) => isGiven(env, name))) {
    const fault = "is missing, and REQUIRE_HOSTED_STRIPE wants it";
    for (const variable of stripe) {
      faults.push({ variable, fault, remedy: "take it from Stripe's console, or do not require it" });
    }
  }
  return faults;
}

/** A known name that somebody put our prefix before; else the nearest of the same prefix. */
function nearest(name: string, known: readonly string[]): string {
  const prefix = ownPrefixes.find((candidate) => name.startsWith(candidate)) ?? "";
  const bare = name.slice(prefix.length);
  if (known.includes(bare)) return bare;
  const related = known.filter((candidate) => candidate.startsWith(prefix));
  return related.reduce((best, candidate) =>
    distance(name, candidate) < distance(name, best) ? candidate : best,
  );
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
