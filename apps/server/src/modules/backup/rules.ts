/** Programs of one folder, by the version that they say they have. */
export type DumpTools = { folder: string; version: string; major: number };

/** Rows by table, `schema.name`. */
export type RowCounts = Readonly<Record<string, number>>;

/** `pg_dump (PostgreSQL) 15.20 (Debian …)`: 15.20. `null` when that is no version. */
export function versionOf(line: string): { version: string; major: number } | null {
  const found = /\) (\d+)(\.\d+)?/.exec(line);
  return found ? { version: `${found[1]}${found[2] ?? ""}`, major: Number.parseInt(found[1]!, 10) } : null;
}

/** The newest tools; of equal ones those that were named first. */
export function newestOf(found: readonly DumpTools[]): DumpTools | null {
  return found.reduce<DumpTools | null>(
    (best, tools) => (best === null || tools.major > best.major ? tools : best),
    null,
  );
}

/** One sentence when these tools cannot dump or restore a server of that version. */
export function toolsFault(tools: DumpTools | null, serverMajor: number): string | null {
  const remedy = `install PostgreSQL's client programs of version ${serverMajor} or newer, or name their folder with --pg-bin`;
  if (tools === null) return `pg_dump and pg_restore were not found: ${remedy}`;
  if (tools.major >= serverMajor) return null;
  return `pg_dump and pg_restore in ${tools.folder} are of version ${tools.version}, older than the server, which is PostgreSQL ${serverMajor}: ${remedy}`;
}

/** What differs between two countings, one phrase per table; empty when they agree. */
export function countFaults(
  expected: { rows: RowCounts; by: string },
  found: { rows: RowCounts; by: string },
): string[] {
  const tables = [...new Set([...Object.keys(expected.rows), ...Object.keys(found.rows)])].sort();
  return tables
    .filter((table) => expected.rows[table] !== found.rows[table])
    .map(
      (table) =>
        `${table}: ${expected.rows[table] ?? "no table"} in ${expected.by}, ${found.rows[table] ?? "no table"} in ${found.by}`,
    );
}

/** One sentence of many phrases, the first few of them in full. */
export function sentenceOf(phrases: readonly string[], most = 5): string {
  const rest = phrases.length - most;
  return [...phrases.slice(0, most), ...(rest > 0 ? [`and ${rest} more`] : [])].join("; ");
}
