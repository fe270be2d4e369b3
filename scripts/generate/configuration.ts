import { type Variable, variables } from "@modelfaucet/server/config/variables.ts";
import { page, table } from "./table.ts";

const entries = Object.entries(variables) as [name: string, variable: Variable][];

export function renderConfiguration(): string {
  const rows = entries.map(([name, variable]) => [
    `\`${name}\``,
    variable.for.join(", "),
    requiredWords(variable),
    defaultWords(variable),
    variable.kind.name,
    `${variable.doc}${variable.secret ? " Secret." : ""}`,
  ]);
  return page("Configuration", "apps/server/src/config/variables.ts", [
    "Everything is read from the environment, in one place, before anything else starts; every fault is told at once. " +
      "Blank counts as missing, units are in the names, lists are comma-separated. A *ring* is one secret, or " +
      "`ring:<first>,<second>` (each percent-encoded) while it is turned over: the first seals or is sent, both are accepted.",
    table(["variable", "for", "required", "default", "value", "meaning"], rows),
  ]);
}

/** Set by our own programs, never by people. */
const inner = new Set(["MODELFAUCET_FAILPOINT", "MODELFAUCET_PARENT_PID"]);

/** A template: what is required in production stands open, everything else is a comment with its default. */
export function renderEnvExample(): string {
  const lines = [
    "# Written by `pnpm generate` from apps/server/src/config/variables.ts; edit that, not this.",
    "# `npm start` needs none of it. A server in production needs every line that is not a comment.",
  ];
  for (const [name, variable] of entries) {
    if (inner.has(name)) continue;
    lines.push("", `# ${variable.doc}`);
    if (variable.secret) lines.push("# Secret: keep it in a secret manager.");
    const open = variable.required !== undefined;
    lines.push(open ? `${name}=` : `#${name}=${variable.default ?? ""}`);
  }
  return `${lines.join("\n")}\n`;
}

function requiredWords(variable: Variable): string {
  if (variable.required === "serve") return "always, by a server";
  return variable.required === "production" ? "in production" : "no";
}

function defaultWords(variable: Variable): string {
  const own = variable.default === undefined ? "–" : `\`${variable.default || " "}\``;
  return variable.productionDefault === undefined
    ? own
    : `${own}, production \`${variable.productionDefault}\``;
}
