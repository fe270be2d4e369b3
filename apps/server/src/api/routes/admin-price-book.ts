import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import {
  importPrices,
  listPrices,
  listPriceVersions,
  publishPrices,
} from "@modelfaucet/contract/routes/platform.ts";
import {
  importPrices as importIntoDraft,
  type PriceDeps,
  type PriceVersionChange,
  publishPrices as publishVersion,
} from "../../flows/prices.ts";
import {
  changeToWire,
  type DatedPrice,
  entryToWire,
  type PriceVersion,
  parseEntries,
  listPrices as readPrices,
  listVersions as readVersions,
} from "../../modules/pricing/pricing.ts";
import { pageByKey, readKeyCursor, wrongCursor } from "../key-cursor.ts";
import { type Mounted, mount } from "../mount.ts";

/** The operator's price book: what is in force, its versions, and new ones. */
export function adminPriceBookRoutes(deps: PriceDeps): Mounted[] {
  return [
    mount(listPrices, async ({ query, read }) => {
      const { cursor, limit, ...filters } = query;
      const [provider, model] = readKeyCursor(cursor, 2) ?? [];
      const after = provider === undefined || model === undefined ? undefined : { provider, model };
      const rows = await read((tx) => readPrices(tx, { ...filters, after, limit: limit + 1 }));
      return pageByKey(rows, limit, (row) => [row.provider, row.model], priceToWire);
    }),
    mount(listPriceVersions, async ({ query, read }) => {
      const { cursor, limit, from, to } = query;
      const before = versionOf(readKeyCursor(cursor, 1));
      const rows = await read((tx) => readVersions(tx, { from, to, before, limit: limit + 1 }));
      return pageByKey(rows, limit, (row) => [String(row.version)], versionToWire);
    }),
    mount(importPrices, async ({ body, audit }) => {
      const change = await importIntoDraft(deps, audit, {
        source: body.source,
        list: parseEntries(body.entries),
        effectiveAt: body.effective_at === undefined ? undefined : new Date(body.effective_at),
        dryRun: body.dry_run,
        reason: body.reason,
      });
      return versionChangeToWire(change);
    }),
    mount(publishPrices, async ({ params, body, audit }) => {
      const change = await publishVersion(deps, audit, {
        version: params.version,
        acceptLargeChanges: body.accept_large_changes,
        reason: body.reason,
      });
      return versionChangeToWire(change);
    }),
  ];
}

function priceToWire(row: DatedPrice): AnswerOf<typeof listPrices>["items"][number] {
  const { capabilities, ...entry } = entryToWire(row);
  return {
    ...entry,
    capabilities,
    effective_at: row.effectiveAt.toISOString(),
    ...(row.effectiveUntil === null ? {} : { effective_until: row.effectiveUntil.toISOString() }),
    version: row.version,
  };
}

function versionToWire(row: PriceVersion): AnswerOf<typeof listPriceVersions>["items"][number] {
  return {
    version: row.version,
    status: row.status,
    source: row.source,
    entries: row.entries,
    imported_by: row.importedBy,
    ...(row.effectiveAt === null ? {} : { effective_at: row.effectiveAt.toISOString() }),
    ...(row.publishedAt === null ? {} : { published_at: row.publishedAt.toISOString() }),
    created_at: row.createdAt.toISOString(),
  };
}

function versionChangeToWire(change: PriceVersionChange): AnswerOf<typeof publishPrices> {
  return {
    ...(change.version === null ? {} : { version: change.version }),
    status: change.status,
    ...changeToWire(change),
  };
}

function versionOf(key: string[] | null): number | undefined {
  if (key === null) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(key[0]!)) throw wrongCursor();
  return Number(key[0]);
}
