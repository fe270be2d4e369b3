import { createHash } from "node:crypto";
import { browserPrefixes } from "./reserved.ts";
import { type Variable, variables } from "./variables.ts";

/** What counts as a secret, for everything that must keep them out of something: pages, files, output. */

type Environment = { readonly [name: string]: string | undefined };

/** Forms of keys that others issue, and of ours. `mf_` tokens carry a checksum that whoever can should verify. */
export const secretShapes: readonly { kind: string; form: RegExp }[] = [
  { kind: "key of a provider", form: /\bsk-[A-Za-z0-9_-]{20,}/g },
  { kind: "key of a provider", form: /\bAIza[A-Za-z0-9_-]{35}/g },
  { kind: "key of a provider", form: /\b(?:gsk|xai)[_-][A-Za-z0-9]{40,}/g },
  { kind: "key of a provider", form: /\b(?:hf|r8)_[A-Za-z0-9]{32,}/g },
  { kind: "key of Stripe", form: /\b[sr]k_(?:live|test)_[A-Za-z0-9_]{8,}/g },
  { kind: "webhook secret", form: /\bwhsec_[A-Za-z0-9+/=_]{16,}/g },
  { kind: "key of a cloud", form: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g },
  { kind: "key of a cloud", form: /\bGOCSPX-[A-Za-z0-9_-]{20,}/g },
  { kind: "token of a code host", form: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{50,})/g },
  { kind: "token of a registry", form: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { kind: "token of a chat service", form: /\bxox[abeprs]-[A-Za-z0-9-]{20,}/g },
  { kind: "private key", form: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/g },
  { kind: "token of ModelFaucet", form: /\bmf_(?:sess|dev|admin|idsec)_[0-9A-Za-z]{38}\b/g },
];

/** What every key of an issuer begins with is no secret. */
export const issuerPrefix =
  /^(?:sk-(?:ant-|or-|proj-|svcacct-|admin-|test-|live-)*(?:(?:v|api)\d+-)?|[srp]k_(?:live|test)_|whsec_|AIza|mf_[a-z]+_)/;

/** Those of the table. */
export const secretNames: readonly string[] = (Object.entries(variables) as [string, Variable][])
  .filter(([, variable]) => variable.secret)
  .map(([name]) => name);

/** Of the table, or by the name that people give to secrets. */
export function isSecretName(name: string): boolean {
  const variable = (variables as Record<string, Variable>)[name];
  if (variable) return variable.secret === true;
  return secretWords.test(name);
}

/**
 * The secrets of this environment, each whole as it stands there and, where a part is the secret proper, that part: the
 * members of a ring, the password of a URL. Too short or too plain to be one: not listed. A name that a bundler makes
 * public is judged elsewhere.
 */
export function secretsOf(env: Environment): { name: string; value: string }[] {
  return Object.entries(env)
    .filter(([name]) => isSecretName(name) && !isBrowserName(name))
    .flatMap(([name, text]) => formsOf(text).map((value) => ({ name, value })))
    .filter(({ value }) => value.length >= 12 && new Set(value).size >= 8);
}

/** The secret proper: the members of a ring, the password of a URL, else the value. Blank: none. */
export function secretPartsOf(text: string | undefined): string[] {
  const whole = text?.trim() ?? "";
  if (whole === "") return [];
  if (whole.startsWith("ring:")) return whole.slice("ring:".length).split(",").map(decodedOrAsIs);
  const password = /^[a-z][a-z0-9+.-]*:\/\//i.test(whole) ? URL.parse(whole)?.password : undefined;
  return [password ? decodedOrAsIs(password) : whole];
}

/** The secrets among judged values of the table, as SHA-256 in hex: a leaked one is known again, and nothing is held by it. */
export function digestsOfSecrets(values: {
  readonly [name: string]: unknown;
}): { name: string; digest: string }[] {
  const digest = (text: string) => createHash("sha256").update(text).digest("hex");
  return secretNames.flatMap((name) =>
    [values[name]]
      .flat()
      .filter((value) => typeof value === "string")
      .flatMap((value) => [...new Set([value, ...secretPartsOf(value)])])
      .map((value) => ({ name, digest: digest(value) })),
  );
}

export function isBrowserName(name: string): boolean {
  return browserPrefixes.some((prefix) => name.startsWith(prefix));
}

/**
 * Names that bundlers copy into pages and that hold a secret, by their own name, by the form of the value, or because
 * the value contains a secret of this environment.
 */
export function browserNamesWithSecrets(env: Environment): string[] {
  const secrets = secretsOf(env);
  return Object.entries(env)
    .filter(([name, value]) => isBrowserName(name) && value?.trim())
    .filter(([name, value = ""]) => isSecretBehindPrefix(name) || holdsSecret(value, secrets))
    .map(([name]) => name);
}

const secretWords =
  /(?:SECRET|TOKEN|API_?KEY|MASTER_KEY|PRIVATE_KEY|ACCESS_KEY|ENCRYPTION_KEY|SECRET_KEY|PASSWORD|PASSWD|PASSPHRASE|DATABASE_URL|SMTP_URL|REDIS_URL)$/;

function isSecretBehindPrefix(name: string): boolean {
  const prefix = browserPrefixes.find((candidate) => name.startsWith(candidate)) ?? "";
  const rest = name.slice(prefix.length);
  // Not kept as a secret is, and yet nothing that a page should know.
  if (rest.endsWith("LITELLM_BASE_URL")) return true;
  return isSecretName(rest) || secretNames.some((known) => rest.endsWith(`_${known}`));
}

function holdsSecret(value: string, secrets: readonly { value: string }[]): boolean {
  return (
    secretShapes.some(({ form }) => value.search(form) !== -1) ||
    secrets.some((secret) => value.includes(secret.value))
  );
}

/** What is looked for in texts: the secret proper and the whole that holds it, as written and decoded. */
function formsOf(text: string | undefined): string[] {
  const whole = text?.trim() ?? "";
  const password = whole.includes("://") ? (URL.parse(whole)?.password ?? "") : "";
  return [...new Set([whole, password, ...secretPartsOf(whole)])];
}

function decodedOrAsIs(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
