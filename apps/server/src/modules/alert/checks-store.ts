import type { Tx } from "../../lib/db.ts";
import { formatUsd, type Usd } from "../../lib/money.ts";

export type FoundByCheck = { name: string; violations: number; offUsd: Usd; samples: readonly string[] };

/** Keeps what a run of the books' checks found, for the rules that judge by it. */
export async function keepCheckResults(
  tx: Tx,
  kind: "minute" | "deep",
  found: readonly FoundByCheck[],
): Promise<void> {
  const rows = found.map(({ name, violations, offUsd, samples }) => ({
    name,
    violations,
    off_usd: formatUsd(offUsd),
    samples,
  }));
  await tx`
    insert into book_checks (name, kind, violations, off_usd, samples, checked_at)
    select s.name, ${kind}, s.violations, s.off_usd, s.samples, mf_now()
    from jsonb_to_recordset(${tx.json(rows as never)}) as s (name text, violations int, off_usd numeric, samples jsonb)
    order by s.name
    on conflict (name) do update set kind = excluded.kind, violations = excluded.violations, off_usd = excluded.off_usd,
      samples = excluded.samples, checked_at = excluded.checked_at`;
}

/** Seconds since the last run of that kind; `null` when there was none. */
export async function secondsSinceChecks(tx: Tx, kind: "minute" | "deep"): Promise<number | null> {
  const [row] = await tx<{ seconds: number | null }[]>`
    select extract(epoch from mf_now() - max(checked_at))::float8 as seconds from book_checks where kind = ${kind}`;
  return row!.seconds;
}
