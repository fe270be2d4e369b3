import { isPrivateHost, type Ring } from "./kinds.ts";
import { ownPrefixes, reservedNames } from "./reserved.ts";
import { browserNamesWithSecrets } from "./secrets.ts";
import { type Values, type VariableName, variables } from "./variables.ts";

/** Rules that take more than one variable, or that hold in production alone. Sentences never repeat a value. */

export type Fault = { variable: string; fault: string; remedy: string };
export type Environment = { readonly [name: string]: string | undefined };

export function crossFaults(values: Partial<Values>, env: Environment, production: boolean): Fault[] {
  return [
    ...reusedSecrets(values),
    ...timeoutFaults(values),
    ...browserFaults(env),
    ...pairFaults(values),
    ...contentCaptureFaults(env),
    ...(production ? productionFaults(values) : []),
  ];
}

/** One sentence per name that looks like ours and is none. */
export function unknownNameWarnings(env: Environment): string[] {
  const known = [...Object.keys(variables), ...reservedNames];
  return Object.keys(env)
    .filter((name) => ownPrefixes.some((prefix) => name.startsWith(prefix)) && !known.includes(name))
    .map((name) => `${name} is not a variable of ModelFaucet; the nearest name is ${nearest(name, known)}.`);
}

function reusedSecrets(values: Partial<Values>): Fault[] {
  const holders = new Map<string, string[]>();
  for (const name of secretNames) {
    for (const part of partsOf(values[name])) holders.set(part, [...(holders.get(part) ?? []), name]);
  }
  return [...holders.values()]
    .filter((names) => new Set(names).size > 1)
    .map((names) => ({
      variable: names.join(", "),
      fault: "hold the same secret",
      remedy: "give each of them a value of its own",
    }));
}

const secretNames = (Object.keys(variables) as VariableName[]).filter(
  (name) => "secret" in variables[name] && !name.startsWith("DATABASE_"),
);

function partsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? (value as unknown as Ring) : [];
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
function pairFaults(values: Partial<Values>): Fault[] {
  const pairs = [["ALERT_WEBHOOK_URL", "ALERT_WEBHOOK_SECRET"]] as const;
  return pairs.flatMap(([first, second]) => {
    if ((values[first] === undefined) === (values[second] === undefined)) return [];
    const [missing, given] = values[first] === undefined ? [first, second] : [second, first];
    return [{ variable: missing, fault: `is missing beside ${given}`, remedy: "set both or neither" }];
  });
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

function productionFaults(values: Partial<Values>): Fault[] {
  const faults: Fault[] = [];
  const refuse = (variable: string, fault: string, remedy: string) =>
    faults.push({ variable, fault, remedy });
  if (values.NODE_TLS_REJECT_UNAUTHORIZED === "0") {
    refuse("NODE_TLS_REJECT_UNAUTHORIZED", "switches certificate checks off", "remove it");
  }
  if (/--inspect/.test(values.NODE_OPTIONS ?? ""))
    refuse("NODE_OPTIONS", "opens an inspector", "remove --inspect");
  if (values.MODELFAUCET_HOST_MAP !== undefined) {
    refuse("MODELFAUCET_HOST_MAP", "is test wiring", "remove it: production resolves names by its system");
  }
  if (values.MODELFAUCET_FAILPOINT !== undefined) {
    refuse("MODELFAUCET_FAILPOINT", "is test wiring", "remove it: failpoints never run in production");
  }
  const litellm = URL.parse(values.LITELLM_BASE_URL ?? "");
  const internal = litellm !== null && (values.HOSTED_INTERNAL_HOSTS ?? []).includes(litellm.hostname);
  if (litellm && !internal && (litellm.protocol !== "https:" || isPrivateHost(litellm.hostname))) {
    refuse(
      "LITELLM_BASE_URL",
      "is neither public https nor listed",
      "use an https address, or list its host name in HOSTED_INTERNAL_HOSTS",
    );
  }
  if (values.API_PUBLIC_BASE_URL && values.DASHBOARD_PUBLIC_BASE_URL) {
    if (siteOf(values.API_PUBLIC_BASE_URL) !== siteOf(values.DASHBOARD_PUBLIC_BASE_URL)) {
      refuse(
        "DASHBOARD_PUBLIC_BASE_URL",
        "is not same-site with API_PUBLIC_BASE_URL",
        "put both under one domain",
      );
    }
  }
  return faults;
}

/** The last two labels. A public suffix of two labels is judged too kindly, never too strictly. */
function siteOf(url: string): string {
  return (URL.parse(url)?.hostname ?? "").split(".").slice(-2).join(".");
}

function nearest(name: string, known: readonly string[]): string {
  return known.reduce((best, candidate) =>
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
