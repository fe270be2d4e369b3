import { expiresAt, type Grant, openGrants, ownerOf } from "../grants/grants.ts";
import { originOfUrl } from "../grants/origin.ts";
import { type CommandContext, exitFailed, exitFine, UsageError, type Values } from "./command.ts";

/** Who is paired; never a token. */
export function runGrants({ home, print }: CommandContext, values: Values): number {
  const grants = openGrants(home.grants).active();
  if (values.json === true) {
    print(JSON.stringify({ items: grants.map(factsOf) }, null, 2));
    return exitFine;
  }
  if (grants.length === 0) print("Nobody is paired.");
  for (const grant of grants) {
    const used = grant.last_used_at === null ? "never used" : `last used ${grant.last_used_at}`;
    print(`${grant.id}  ${ownerOf(grant)}`);
    print(
      `  created ${grant.created_at}, ${used}, expires ${expiresAt(grant)}, models ${grant.models.join(", ")}`,
    );
  }
  return exitFine;
}

/** Ends grants; a running bridge cuts their streams within a second. */
export function runRevoke(
  { home, print, complain }: CommandContext,
  values: Values,
  positionals: readonly string[],
): number {
  const which = positionals[0];
  if ((values.all === true) === (which !== undefined))
    throw new UsageError("name a grant id, an origin, or --all");
  const grants = openGrants(home.grants);
  const ended =
    which === undefined
      ? grants.revoke("all")
      : which.startsWith("grant_")
        ? grants.revoke({ id: which })
        : grants.revoke({ origin: originOfUrl(which) ?? which });
  for (const grant of ended) print(`Revoked ${grant.id}  ${ownerOf(grant)}`);
  if (ended.length > 0 || which === undefined) return exitFine;
  complain(`There is no grant ${which}; modelfaucet-bridge grants lists them.`);
  return exitFailed;
}

function factsOf(grant: Grant): object {
  const { id, origin, native, created_at, last_used_at, models } = grant;
  return {
    id,
    origin,
    ...(native === null ? {} : { native }),
    created_at,
    last_used_at,
    expires_at: expiresAt(grant),
    models,
  };
}
