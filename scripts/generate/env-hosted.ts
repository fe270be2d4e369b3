import { type Variable, variables } from "@modelfaucet/server/config/variables.ts";

type Entry = [name: string, variable: Variable];

/**
 * The inventory of a hosted deployment: what it must have stands open, everything else is a comment with its default. No
 * secret has a value.
 */
export function renderEnvHostedExample(): string {
  const entries = (Object.entries(variables) as Entry[]).filter(([name, variable]) =>
    isForHosting(name, variable),
  );
  const required = entries.filter(([, variable]) => variable.required !== undefined);
  const optional = entries.filter(([, variable]) => variable.required === undefined);
  return [
    "# Written by `pnpm generate` from apps/server/src/config/variables.ts; edit that, not this.",
    "# What a hosted deployment reads. Values belong into a secret manager; a copy of this file with values is ignored by",
    "# git and refused by `pnpm verify:secrets`. Before anything starts: `pnpm hosted:verify-env`.",
    ...section("Required", [["NODE_ENV", variables.NODE_ENV], ...required.filter(isPublic)]),
    ...section("Required, secret", required.filter(isSecret)),
    ...section("Optional, secret: needed before what they are for is switched on", optional.filter(isSecret)),
    ...section(
      "Optional",
      optional.filter((entry) => isPublic(entry) && !isOfReaders(entry, "compose", "browser")),
    ),
    ...section(
      "The compose file",
      optional.filter((entry) => isOfReaders(entry, "compose")),
    ),
    ...section(
      "The build of the console's image, this one alone",
      optional.filter(([name]) => name === "VITE_MODELFAUCET_API_BASE_URL"),
    ),
    "",
  ].join("\n");
}

/** Refused in production, or set by nobody. */
const elsewhere = new Set([
  "NODE_ENV",
  "MODELFAUCET_DATA_DIR",
  "NODE_TLS_REJECT_UNAUTHORIZED",
  "NODE_OPTIONS",
  "GATEWAY_BASE_URL",
  "STRIPE_API_BASE_URL",
]);

function isForHosting(name: string, variable: Variable): boolean {
  const readers = ["gateway", "api", "worker", "commands", "compose", "browser"] as const;
  return (
    !elsewhere.has(name) &&
    !name.startsWith("SMOKE_") &&
    readers.some((reader) => variable.for.includes(reader))
  );
}

/** The address of LiteLLM is nobody's business either. */
const isSecret = ([name, variable]: Entry): boolean =>
  variable.secret === true || name === "LITELLM_BASE_URL";
const isPublic = (entry: Entry): boolean => !isSecret(entry);

function isOfReaders([, variable]: Entry, ...readers: Variable["for"]): boolean {
  return variable.for.every((reader) => readers.includes(reader));
}

function section(title: string, entries: readonly Entry[]): string[] {
  return [
    "",
    `# --- ${title} ---`,
    ...entries.flatMap(([name, variable]) => ["", `# ${variable.doc}`, lineOf(name, variable)]),
  ];
}

function lineOf(name: string, variable: Variable): string {
  if (name === "NODE_ENV") return "NODE_ENV=production";
  if (variable.required !== undefined) return `${name}=`;
  const value = variable.secret ? "" : (variable.productionDefault ?? variable.default ?? "");
  return `#${name}=${value}`;
}
