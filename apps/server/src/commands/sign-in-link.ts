import { parseArgs } from "node:util";
import { operatorScopes } from "@modelfaucet/contract/scopes.ts";
import { email as emailForm } from "@modelfaucet/contract/values.ts";
import { linkForDeveloper, linkForOperator } from "../flows/console-links.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";

export const signInLinkHelp = `usage: pnpm mf sign-in-link --operator <e-mail> | --developer <e-mail> [--json]
Prints a link to the console that works once, within 10 minutes. An operator that is not known yet is made, with every
scope. No mail is sent: hand the link over yourself.`;

/** Whoever runs this holds the deployment's secrets. */
const actor = { actorScope: "bootstrap", actorName: "bootstrap" } as const;

/** `sign-in-link`: the link alone on standard output. 1 when nobody has that address or is suspended, 2 on wrong usage. */
export async function runSignInLink(
  args: readonly string[],
  deps: { database: Database; dashboardUrl: string },
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      operator: { type: "string" },
      developer: { type: "string" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const kind = values.operator === undefined ? "developer" : "operator";
  const address = emailForm.safeParse(values[kind]);
  if (!address.success || (values.operator !== undefined && values.developer !== undefined)) {
    console.error(signInLinkHelp);
    return 2;
  }
  try {
    const link =
      kind === "operator"
        ? await linkForOperator({ ...deps, allScopes: operatorScopes }, actor, address.data)
        : await linkForDeveloper(deps, actor, address.data);
    const expires_at = link.expiresAt.toISOString();
    if (values.json) {
      console.log(JSON.stringify({ url: link.url, kind, email: address.data, expires_at, mailed: false }));
      return 0;
    }
    console.error(`Works once, until ${expires_at}. No mail was sent: hand it over yourself.`);
    console.log(link.url);
    return 0;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    console.error(error.message);
    return 1;
  }
}
