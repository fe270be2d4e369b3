import type { Tx } from "../../lib/db.ts";
import { formatUsd } from "../../lib/money.ts";
import type { PriceEntry } from "./price-entry.ts";
import type { PerMillion, PriceUnit } from "./rules.ts";
import { entryOf, type PriceRow, type PriceSource, pricesOf, unitFields } from "./store.ts";

export type VersionStatus = "draft" | "scheduled" | "published";

/** A version without its prices. */
export type PriceVersion = {
  version: number;
  status: VersionStatus;
  source: PriceSource;
  /** How many models it names. */
  entries: number;
  importedBy: string;
  /** `null` on a draft that is to be in force from its publication on. */
  effectiveAt: Date | null;
  publishedAt: Date | null;
  createdAt: Date;
};

/** What is kept beside a version: how it differed when it was imported, and a hash of the list that it came from. */
export type ImportFacts = {
  added: number;
  changed: number;
  removed: number;
  contentSha256?: string;
};

/** A price with the version that named it. `effectiveUntil` is when a later version replaces it, as far as is known. */
export type DatedPrice = PriceEntry & { version: number; effectiveAt: Date; effectiveUntil: Date | null };

const lockKey = 7_146_229_034;
const entriesPerStatement = 1_000;

/** Publications happen one after the other, so that each is compared with what is in force when it commits. */
export async function lockPublications(tx: Tx): Promise<void> {
  await tx`select pg_advisory_xact_lock(${lockKey})`;
}

/**
 * The database's clock at this moment in milliseconds, with their fraction. Not the transaction's time: it may have waited
 * for another publication, and that one counts.
 */
export async function readNowMs(tx: Tx): Promise<number> {
  const [row] = await tx<{ now_ms: number }[]>`
    select (extract(epoch from mf_now() + (clock_timestamp() - now())) * 1000)::float8 as now_ms`;
  return row!.now_ms;
}

/** Writes a draft; nothing of it is in force. `effectiveAt` null: from its publication on. */
export async function insertDraft(
  tx: Tx,
  draft: {
    source: PriceSource;
    entries: readonly PriceEntry[];
    effectiveAt: Date | null;
    importedBy: string;
    facts: ImportFacts;
  },
): Promise<number> {
  const { contentSha256, ...counts } = draft.facts;
  const kept = {
    ...counts,
    ...(contentSha256 === undefined ? {} : { content_sha256: contentSha256 }),
    at_publication: draft.effectiveAt === null,
  };
  const [row] = await tx<{ version: number }[]>`
    insert into price_versions (source, effective_from, imported_by, diff)
    values (${draft.source}, coalesce(${draft.effectiveAt}::timestamptz, mf_now()), ${draft.importedBy}, ${tx.json(kept)})
    returning version`;
  const { version } = row!;
  for (let from = 0; from < draft.entries.length; from += entriesPerStatement) {
    await insertEntries(tx, version, draft.entries.slice(from, from + entriesPerStatement));
  }
  return version;
}

async function insertEntries(tx: Tx, version: number, entries: readonly PriceEntry[]): Promise<void> {
  const models = entries.map((entry) => ({
    provider: entry.provider,
    model: entry.model,
    context_length: entry.contextLength,
    max_output_tokens: entry.maxOutputTokens,
    capabilities: [...entry.capabilities],
  }));
  await tx`insert into priced_models (version, provider, model, context_length, max_output_tokens, capabilities)
    select ${version}, m.* from jsonb_to_recordset(${tx.json(models)})
      as m (provider text, model text, context_length integer, max_output_tokens integer, capabilities text[])`;
  await tx`insert into model_prices (version, provider, model, unit, above_input_tokens, price_per_million_usd)
    select ${version}, p.* from jsonb_to_recordset(${tx.json(entries.flatMap(pricesOfEntry))})
      as p (provider text, model text, unit text, above_input_tokens integer, price_per_million_usd numeric(20,8))`;
}

function pricesOfEntry({ provider, model, perMillion, tiers }: PriceEntry) {
  const bases: { aboveInputTokens: number; perMillion: PerMillion }[] = [
    { aboveInputTokens: 0, perMillion },
    ...tiers,
  ];
  return bases.flatMap((tier) =>
    (Object.entries(unitFields) as [PriceUnit, keyof PerMillion][]).map(([unit, field]) => ({
      provider,
      model,
      unit,
      above_input_tokens: tier.aboveInputTokens,
      // As text: a JSON number could pass through a float on its way.
      price_per_million_usd: formatUsd(tier.perMillion[field]),
    })),
  );
}

/**
 * Puts a version in force, at its time or now. Under `lockPublications`. The time is the moment's, not the
 * transaction's: of two publications that waited for each other, the one that commits last is the later one.
 */
export async function insertPublication(
  tx: Tx,
  publication: { version: number; publishedBy: string; reason: string },
): Promise<void> {
  await tx`insert into price_publications (version, published_by, reason, published_at)
    values (${publication.version}, ${publication.publishedBy}, ${publication.reason}, mf_now() + (clock_timestamp() - now()))`;
}

export async function readVersion(tx: Tx, version: number): Promise<PriceVersion | null> {
  const [row] = await tx<HeaderRow[]>`select * from (${versionHeaders(tx)}) as v where version = ${version}`;
  return row ? versionOf(row) : null;
}

export async function readEntries(tx: Tx, version: number): Promise<PriceEntry[]> {
  const rows = await tx<PriceRow[]>`
    select m.provider, m.model, m.context_length, m.max_output_tokens, m.capabilities, ${pricesOf(tx)} as prices
    from priced_models m where m.version = ${version} order by m.provider, m.model`;
  return rows.map(entryOf);
}

/** Newest first. `before` is the version that the page before ended with; `from` and `to` bound when they were made. */
export async function listVersions(
  tx: Tx,
  page: { from?: string | undefined; to?: string | undefined; before?: number | undefined; limit: number },
): Promise<PriceVersion[]> {
  const rows = await tx<HeaderRow[]>`select * from (${versionHeaders(tx)}) as v
    where (${page.from ?? null}::timestamptz is null or created_at >= ${page.from ?? null})
      and (${page.to ?? null}::timestamptz is null or created_at < ${page.to ?? null})
      and (${page.before ?? null}::int is null or version < ${page.before ?? null})
    order by version desc limit ${page.limit}`;
  return rows.map(versionOf);
}

/** The published version that was made from exactly this list. */
export async function findPublishedContent(
  tx: Tx,
  source: PriceSource,
  contentSha256: string,
): Promise<number | null> {
  const [row] = await tx<{ version: number }[]>`
    select version from price_versions join price_publications using (version)
    where source = ${source} and diff ->> 'content_sha256' = ${contentSha256} order by version desc limit 1`;
  return row?.version ?? null;
}

/**
 * The prices in force at an instant (now when none is named), by provider and model. `after` is the last row of the page
 * before; `q` is a part of a provider's or model's name in any case; `from` and `to` bound when a price came into force.
 */
export async function listPrices(
  tx: Tx,
  wanted: {
    at?: string | undefined;
    provider?: string | undefined;
    model?: string | undefined;
    q?: string | undefined;
    from?: string | undefined;
    to?: string | undefined;
    after?: { provider: string; model: string } | undefined;
    limit: number;
  },
): Promise<DatedPrice[]> {
  const { provider = null, model = null, q = null, from = null, to = null, after = null } = wanted;
  const rows = await tx<DatedRow[]>`
    with dated as (
      select m.*, greatest(v.effective_from, p.published_at) as effective_at,
        lead(greatest(v.effective_from, p.published_at)) over (partition by m.provider, m.model
          order by greatest(v.effective_from, p.published_at), p.published_at, v.version) as effective_until
      from price_versions v join price_publications p using (version) join priced_models m using (version)
      where (${provider}::text is null or m.provider = ${provider}) and (${model}::text is null or m.model = ${model})
        and (${q}::text is null or position(lower(${q}) in lower(m.provider || '/' || m.model)) > 0)
    )
    select m.provider, m.model, m.context_length, m.max_output_tokens, m.capabilities, m.version, m.effective_at,
      m.effective_until, ${pricesOf(tx)} as prices
    from dated m
    where m.effective_at <= coalesce(${wanted.at ?? null}::timestamptz, mf_now())
      and (m.effective_until is null or m.effective_until > coalesce(${wanted.at ?? null}::timestamptz, mf_now()))
      and (${from}::timestamptz is null or m.effective_at >= ${from}) and (${to}::timestamptz is null or m.effective_at < ${to})
      and (${after?.provider ?? null}::text is null
        or (m.provider collate "C", m.model collate "C") > (${after?.provider ?? null}, ${after?.model ?? null}))
    order by m.provider collate "C", m.model collate "C" limit ${wanted.limit}`;
  return rows.map((row) => ({
    ...entryOf(row),
    version: row.version,
    effectiveAt: row.effective_at,
    effectiveUntil: row.effective_until,
  }));
}

type DatedRow = PriceRow & { version: number; effective_at: Date; effective_until: Date | null };

type HeaderRow = {
  version: number;
  source: PriceSource;
  imported_by: string;
  created_at: Date;
  published_at: Date | null;
  effective_at: Date | null;
  status: VersionStatus;
  entries: number;
};

function versionHeaders(tx: Tx) {
  return tx`select v.version, v.source, v.imported_by, v.created_at, p.published_at,
    case when p.version is null and (v.diff ->> 'at_publication')::boolean then null
      else greatest(v.effective_from, p.published_at) end as effective_at,
    case when p.version is null then 'draft'
      when greatest(v.effective_from, p.published_at) > mf_now() + (clock_timestamp() - now()) then 'scheduled'
      else 'published' end as status,
    (select count(*)::int from priced_models m where m.version = v.version) as entries
    from price_versions v left join price_publications p using (version)`;
}

function versionOf(row: HeaderRow): PriceVersion {
  return {
    version: row.version,
    status: row.status,
    source: row.source,
    entries: row.entries,
    importedBy: row.imported_by,
    effectiveAt: row.effective_at,
    publishedAt: row.published_at,
    createdAt: row.created_at,
  };
}

/** The models that have a price in force, by provider. */
export async function readPricedModels(tx: Tx, providers: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await tx<{ provider: string; models: string[] }[]>`
    select provider, array_agg(distinct model order by model) as models
    from price_versions v join price_publications p using (version) join priced_models using (version)
    where greatest(v.effective_from, p.published_at) <= mf_now() and provider = any(${[...providers]}::text[])
    group by provider`;
  return new Map(rows.map((row) => [row.provider, row.models]));
}
