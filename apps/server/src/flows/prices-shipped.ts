import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { announce } from "../lib/change-feed.ts";
import type { Tx } from "../lib/db.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  changeOf,
  changeToWire,
  entryToWire,
  findPublishedContent,
  insertDraft,
  insertPublication,
  lockPublications,
  type PriceEntry,
  type PublishedVersion,
  parseSnapshot,
  priceKey,
  readPublishedVersions,
} from "../modules/pricing/pricing.ts";
import { nameOf, type PriceDeps } from "./prices.ts";

const folder = new URL("../../prices/", import.meta.url);
const reason = "shipped with ModelFaucet";
const actor: AuditActor = { actorScope: "bootstrap", actorName: "bootstrap" };

/**
 * Publishes the price lists that come with this release, once per content: the snapshot, and outside production the
 * simulated provider's. A model that an operator has priced is left as it is. Two at once equal one.
 */
export async function ensureShippedPrices(
  deps: PriceDeps & { production: boolean },
): Promise<{ created: boolean; version: number }> {
  const shipped = await readShipped(deps.production);
  const contentSha256 = hashOf(shipped);
  const done = await deps.database.write({ purpose: "operator" }, async (tx) => {
    await lockPublications(tx);
    const present = await findPublishedContent(tx, "seed", contentSha256);
    if (present !== null) return { version: present, seen: null };
    const published = await readPublishedVersions(tx);
    const entries = withoutEdited(shipped, published);
    // A list of which an operator has edited every model has nothing left to say.
    if (entries.length === 0) return { version: published.at(-1)!.version, seen: null };
    const version = await publish(tx, entries, published, contentSha256);
    return { version, seen: await announce(tx, "prices", String(version)) };
  });
  if (done.seen === null) return { created: false, version: done.version };
  await deps.feed.waitUntilSeen(done.seen);
  return { created: true, version: done.version };
}

async function readShipped(production: boolean): Promise<PriceEntry[]> {
  const files = ["snapshot.json", "routed.json", ...(production ? [] : ["simulated.json"])];
  const texts = await Promise.all(files.map((name) => readFile(new URL(name, folder), "utf8")));
  return texts.flatMap((text) => parseSnapshot(text).entries);
}

function hashOf(entries: readonly PriceEntry[]): string {
  return createHash("sha256")
    .update(JSON.stringify(entries.map(entryToWire)))
    .digest("hex");
}

function withoutEdited(shipped: readonly PriceEntry[], published: readonly PublishedVersion[]): PriceEntry[] {
  const edited = new Set(
    published.filter(({ source }) => source !== "seed").flatMap(({ prices }) => prices.map(priceKey)),
  );
  return shipped.filter((entry) => !edited.has(priceKey(entry)));
}

async function publish(
  tx: Tx,
  entries: readonly PriceEntry[],
  published: readonly PublishedVersion[],
  contentSha256: string,
): Promise<number> {
  const { added, changed, removed } = changeToWire(changeOf({ source: "seed", entries }, published));
  const facts = { added, changed, removed };
  const version = await insertDraft(tx, {
    source: "seed",
    entries,
    effectiveAt: null,
    importedBy: nameOf(actor),
    facts: { ...facts, contentSha256 },
  });
  await insertPublication(tx, { version, publishedBy: nameOf(actor), reason });
  for (const action of ["price.import", "price.publish"]) {
    await append(tx, {
      ...actor,
      action,
      resourceType: "price_version",
      resourceId: String(version),
      reason,
      after: { source: "seed", models: entries.length, ...facts },
    });
  }
  return version;
}
