import { secretNames, secretShapes } from "@modelfaucet/server/config/secrets.ts";

const bearerForm = /Bearer [A-Za-z0-9._~+/=-]{16,}/i;
const shortest = 12;

/**
 * Names what no process may have written: the secrets in its environment, and whatever has the form of somebody's key or
 * of a token of ours. Never the value. A secret is looked for as it stands, percent-encoded and in base64.
 */
export function secretsWritten(output: string, environment: Readonly<Record<string, string>>): string[] {
  const planted = Object.entries(environment)
    .filter(([name]) => (secretNames as readonly string[]).includes(name))
    .flatMap(([name, value]) => partsOf(value).map((part) => [name, part] as const));
  const found = planted.filter(([, part]) => formsOf(part).some((form) => output.includes(form)));
  const shapes = secretShapes.filter(({ form }) => output.search(form) >= 0);
  return [
    ...new Set([...found.map(([name]) => name), ...shapes.map(({ kind }) => `a ${kind}`)]),
    ...(bearerForm.test(output) ? ["a bearer token"] : []),
  ];
}

/** A ring's keys one by one; of an address its password. */
function partsOf(value: string): string[] {
  const password = URL.parse(value)?.password;
  const parts = password ? [decodeURIComponent(password)] : value.replace(/^ring:/, "").split(",");
  return parts.filter((part) => part.length >= shortest);
}

function formsOf(part: string): string[] {
  return [part, encodeURIComponent(part), Buffer.from(part).toString("base64").replace(/=+$/, "")];
}
