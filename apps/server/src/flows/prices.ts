import { announce, type ChangeFeed } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  changeOf,
  changeToWire,
  defaultMaxChangePercent,
  insertDraft,
  insertPublication,
  keepUnsaid,
  largeChangesToWire,
  lockPublications,
  type PriceEntry,
  type PriceList,
  type PriceSource,
  type PriceVersion,
  readEntries,
  readNowMs,
  readPublishedVersions,
  readVersion,
  type VersionChange,
  type VersionStatus,
  versionsBelow,
} from "../modules/pricing/pricing.ts";

export type PriceDeps = { database: Database; feed: Pick<ChangeFeed, "waitUntilSeen"> };

/** What an import would change, or a publication has changed. Without `version` nothing was written. */
export type PriceVersionChange = VersionChange & { version: number | null; status: VersionStatus };

export type ImportPricesInput = {
  source: Exclude<PriceSource, "seed">;
  list: PriceList;
  /** When the prices are to come into force; without it at their publication. */
  effectiveAt?: Date | undefined;
  dryRun?: boolean | undefined;
  /** What the warnings call a large change. */
  maxChangePercent?: number | undefined;
  reason: string;
};

/**
 * Makes a draft of a new version and says how it differs from the book that it would be laid over; nothing is in force
 * before it is published. A dry run says the same and writes nothing.
 * @throws ApiError invalid_request for a time that has passed
 */
export async function importPrices(
  deps: Pick<PriceDeps, "database">,
  actor: AuditActor,
  input: ImportPricesInput,
): Promise<PriceVersionChange> {
  if (input.dryRun) {
    const { change } = await deps.database.read({ purpose: "operator" }, (tx) => prepare(tx, input));
    return { ...change, version: null, status: "draft" };
  }
  return deps.database.write({ purpose: "operator" }, async (tx) => {
    const { entries, change } = await prepare(tx, input);
    const { added, changed, removed } = changeToWire(change);
    const version = await insertDraft(tx, {
      source: input.source,
      entries,
      effectiveAt: input.effectiveAt ?? null,
      importedBy: nameOf(actor),
      facts: { added, changed, removed },
    });
    await append(tx, {
      ...actor,
      action: "price.import",
      resourceType: "price_version",
      resourceId: String(version),
      reason: input.reason,
      after: {
        source: input.source,
        models: entries.length,
        effective_at: input.effectiveAt ?? null,
        added,
        changed,
        removed,
      },
    });
    return { ...change, version, status: "draft" };
  });
}

export type PublishPricesInput = {
  version: number;
  acceptLargeChanges?: boolean | undefined;
  maxChangePercent?: number | undefined;
  reason: string;
};

/**
 * Puts a version in force, at its time or now, and answers when every live instance has it (after 2 s at the latest). It
 * is compared with the book as it stands then, not as it stood at the import. Repeating it answers the same.
 * @throws ApiError not_found; conflict with `details.reason: "large_changes"` or `"effective_at_passed"`
 */
export async function publishPrices(
  deps: PriceDeps,
  actor: AuditActor,
  input: PublishPricesInput,
): Promise<PriceVersionChange> {
  const { answer, seen } = await deps.database.write({ purpose: "operator" }, async (tx) => {
    await lockPublications(tx);
    const known = await readVersion(tx, input.version);
    if (!known) throw new ApiError("not_found", "There is no such price version.");
    const change = await changeOfVersion(tx, known, input.maxChangePercent);
    if (known.status === "draft") {
      refusePassedTime(known, await readNowMs(tx));
      refuseLargeChanges(change, input);
      await insertPublication(tx, {
        version: known.version,
        publishedBy: nameOf(actor),
        reason: input.reason,
      });
      await auditPublication(tx, actor, known, change, input.reason);
    }
    const { status } = (await readVersion(tx, known.version))!;
    // Told again on a repeat: it too answers only when everybody has the version.
    return {
      answer: { ...change, version: known.version, status },
      seen: await announce(tx, "prices", String(known.version)),
    };
  });
  await deps.feed.waitUntilSeen(seen);
  return answer;
}

/** Clocks differ a little; within a minute a time counts as now. */
const clockToleranceMs = 60_000;

/** The whole models of the version to be, and how they differ from the book that they would be laid over. */
async function prepare(
  tx: Tx,
  input: ImportPricesInput,
): Promise<{ entries: PriceEntry[]; change: VersionChange }> {
  const nowMs = await readNowMs(tx);
  if (input.effectiveAt && input.effectiveAt.getTime() < nowMs - clockToleranceMs) {
    throw new ApiError(
      "invalid_request",
      "`effective_at` has passed: prices come into force now or later, never for requests already made.",
      { param: "effective_at" },
    );
  }
  const { source, list, maxChangePercent } = input;
  const atMs = Math.max(input.effectiveAt?.getTime() ?? 0, nowMs);
  const below = versionsBelow(await readPublishedVersions(tx), atMs);
  const entries = keepUnsaid(list, below);
  const change = changeOf({ source, entries }, below, { maxChangePercent });
  return { entries, change: { ...change, warnings: [...list.warnings, ...change.warnings] } };
}

/** Of a draft: what it would do now, or at its time. Of a published version: what it did to those before it. */
async function changeOfVersion(
  tx: Tx,
  known: PriceVersion,
  maxChangePercent: number | undefined,
): Promise<VersionChange> {
  const published = await readPublishedVersions(tx);
  const place = published.findIndex(({ version }) => version === known.version);
  const nowMs = await readNowMs(tx);
  const below =
    place >= 0
      ? published.slice(0, place)
      : versionsBelow(published, Math.max(known.effectiveAt?.getTime() ?? 0, nowMs));
  const entries = await readEntries(tx, known.version);
  return changeOf({ source: known.source, entries }, below, { maxChangePercent });
}

function refusePassedTime(known: PriceVersion, nowMs: number): void {
  if (!known.effectiveAt || known.effectiveAt.getTime() >= nowMs - clockToleranceMs) return;
  throw new ApiError(
    "conflict",
    "The time at which this version was to come into force has passed; import it again with another one.",
    { details: { reason: "effective_at_passed", effective_at: known.effectiveAt.toISOString() } },
  );
}

function refuseLargeChanges({ diff }: VersionChange, input: PublishPricesInput): void {
  if (input.acceptLargeChanges || diff.beyondBound.length === 0) return;
  const bound = input.maxChangePercent ?? defaultMaxChangePercent;
  throw new ApiError(
    "conflict",
    `${diff.beyondBound.length} prices change by more than ${bound} %, to 0 or from 0; look at them and publish again with \`accept_large_changes\`.`,
    {
      details: {
        reason: "large_changes",
        count: diff.beyondBound.length,
        changes: largeChangesToWire(diff.beyondBound),
      },
    },
  );
}

async function auditPublication(
  tx: Tx,
  actor: AuditActor,
  known: PriceVersion,
  change: VersionChange,
  reason: string,
): Promise<void> {
  const { added, changed, removed } = changeToWire(change);
  await append(tx, {
    ...actor,
    action: "price.publish",
    resourceType: "price_version",
    resourceId: String(known.version),
    reason,
    after: {
      source: known.source,
      models: known.entries,
      effective_at: known.effectiveAt,
      added,
      changed,
      removed,
      large_changes: largeChangesToWire(change.diff.beyondBound),
    },
  });
}

/** Who imported or published, as the version's own row says it; the audit row says more. */
export function nameOf(actor: AuditActor): string {
  return actor.actorName ?? actor.actorId ?? actor.actorScope;
}
