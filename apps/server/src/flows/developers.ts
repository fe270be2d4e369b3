import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import { type Database, isUniqueViolation, type Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { uuidV7 } from "../lib/ids.ts";
import type { Usd } from "../lib/money.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { revokeTokensOfDeveloper } from "../modules/identity/identity.ts";
import {
  type Developer,
  insertDeveloper,
  listAppIds,
  lockDeveloper,
  mergeLimits,
  readDeveloper,
  updateDeveloper as writeDeveloper,
} from "../modules/tenancy/tenancy.ts";

/** What the books say of developers. Balance: everything booked to or from them; the others are parts of it. */
export type DeveloperMoney = { balanceUsd: Usd; payableUsd: Usd; debtUsd: Usd };
export type DeveloperMoneyReader = (
  tx: Tx,
  developerIds: readonly string[],
) => Promise<ReadonlyMap<string, DeveloperMoney>>;

type Deps = { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> };
type LimitsChange = Parameters<typeof mergeLimits>[1];

/** @throws ApiError conflict when the e-mail address is taken */
export async function createDeveloper(
  deps: Pick<Deps, "database">,
  actor: AuditActor,
  input: { email: string; name: string; limits?: LimitsChange | undefined; reason: string },
): Promise<Developer> {
  const id = uuidV7();
  return refuseTakenEmail(
    deps.database.write({ purpose: "operator" }, async (tx) => {
      const { email, name } = input;
      await insertDeveloper(tx, { id, email, name, limits: mergeLimits({}, input.limits ?? {}) });
      const developer = (await readDeveloper(tx, id))!;
      await audit(tx, actor, "developer.create", developer, input.reason, undefined);
      return developer;
    }),
  );
}

/** @throws ApiError not_found, conflict when the e-mail address is taken */
export async function updateDeveloper(
  deps: Deps,
  actor: AuditActor,
  id: string,
  input: {
    email?: string | undefined;
    name?: string | undefined;
    limits?: LimitsChange | undefined;
    reason: string;
  },
): Promise<Developer> {
  const { developer, version } = await refuseTakenEmail(
    deps.database.write({ purpose: "operator" }, async (tx) => {
      const before = await requireDeveloper(tx, id);
      await writeDeveloper(tx, id, {
        email: input.email ?? before.email,
        name: input.name ?? before.name,
        limits: mergeLimits(before.limits, input.limits ?? {}),
      });
      const after = (await readDeveloper(tx, id))!;
      await audit(tx, actor, "developer.update", after, input.reason, before);
      return { developer: after, version: await announceApps(tx, id) };
    }),
  );
  if (version !== null) await deps.feed.waitUntilSeen(version);
  return developer;
}

/**
 * Closes a developer that is owed nothing and owes nothing: tokens end, apps take no more work. May be repeated.
 * @throws ApiError not_found, conflict with `details.reason: "balance_left"`
 */
export async function closeDeveloper(
  deps: Deps & { developerMoney: DeveloperMoneyReader },
  actor: AuditActor,
  id: string,
  reason: string,
): Promise<void> {
  const version = await deps.database.write({ purpose: "operator" }, async (tx) => {
    const before = await requireDeveloper(tx, id);
    if (before.status === "closed") return null;
    const money = (await deps.developerMoney(tx, [id])).get(id);
    if (money && money.balanceUsd !== 0n) {
      throw new ApiError("conflict", "This developer still has a balance; pay it out or settle it first.", {
        details: { reason: "balance_left" },
      });
    }
    await writeDeveloper(tx, id, { ...before, closes: true });
    let last = await announceApps(tx, id);
    for (const tokenId of await revokeTokensOfDeveloper(tx, id)) last = await announce(tx, "token", tokenId);
    await audit(tx, actor, "developer.close", (await readDeveloper(tx, id))!, reason, before);
    return last;
  });
  if (version !== null) await deps.feed.waitUntilSeen(version);
}

async function requireDeveloper(tx: Tx, id: string): Promise<Developer> {
  const developer = await lockDeveloper(tx, id);
  if (!developer) throw new ApiError("not_found", "There is no such developer.");
  return developer;
}

/** Memory copies hold a developer's state with each of its apps. */
async function announceApps(tx: Tx, developerId: string): Promise<bigint | null> {
  let last: bigint | null = null;
  for (const appId of await listAppIds(tx, developerId)) last = await announce(tx, "app", appId);
  return last;
}

async function refuseTakenEmail<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!isUniqueViolation(error, "developers_email")) throw error;
    throw new ApiError("conflict", "Another developer has this e-mail address.", {
      param: "email",
      details: { reason: "taken" },
    });
  }
}

async function audit(
  tx: Tx,
  actor: AuditActor,
  action: "developer.create" | "developer.update" | "developer.close",
  after: Developer,
  reason: string,
  before: Developer | undefined,
): Promise<void> {
  await append(tx, {
    ...actor,
    action,
    resourceType: "developer",
    resourceId: after.id,
    developerId: after.id,
    reason,
    ...(before === undefined ? {} : { before }),
    after,
  });
}
