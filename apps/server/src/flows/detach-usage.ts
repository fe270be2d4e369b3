import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { type Database, sqlState } from "../lib/db.ts";
import type { AuditActor } from "../modules/audit/audit.ts";
import {
  detachMonth,
  listEndedMonths,
  type MonthSum,
  readMonthAsCsv,
  sumOfMonth,
  type UsageMonth,
} from "../modules/books/books.ts";
import { auditRetention } from "./retention.ts";

type DetachedMonth = { month: string; rows: string; charge_usd: string; file: string; sha256: string };
export type KeptMonth = { month: string; why: string };

const lockTimeout = "5s";
const mostTries = 3;

/** Months of the log that are over for longer than `months`; 0 keeps all. */
export async function findEndedMonths(database: Database, months: number): Promise<UsageMonth[]> {
  if (months === 0) return [];
  return database.read({ purpose: "operator" }, (tx) => listEndedMonths(tx, months));
}

/**
 * Exports each of these months into a file with its checksum beside it, reads it back, and only then detaches it, as the
 * schema's owner. A month with an open request stays, and with it all later ones.
 * @throws when a file cannot be written, or when the login does not own the schema
 */
export async function detachUsage(
  database: Database,
  months: readonly UsageMonth[],
  options: { folder: string; actor: AuditActor },
): Promise<{ detached: DetachedMonth[]; kept: KeptMonth[] }> {
  const detached: DetachedMonth[] = [];
  for (const [index, month] of months.entries()) {
    if (month.openRequests > 0) {
      const kept = months.slice(index).map((stays) => ({
        month: stays.month,
        why: stays === month ? `${month.openRequests} of its requests are open` : "an earlier month stays",
      }));
      return { detached, kept };
    }
    const exported = await exportMonth(database, month, options.folder);
    await detachOnce(database, month, exported, options.actor);
    const { rows, chargeUsd, file, sha256 } = exported;
    detached.push({ month: month.month, rows, charge_usd: chargeUsd, file, sha256 });
  }
  return { detached, kept: [] };
}

type Exported = MonthSum & { file: string; sha256: string };

async function exportMonth(database: Database, month: UsageMonth, folder: string): Promise<Exported> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `usage_events_${month.month.slice(0, 7)}.csv.gz`);
  const part = `${file}.part`;
  const hash = createHash("sha256");
  const hashed = new Transform({
    transform(chunk, _, done) {
      hash.update(chunk as Uint8Array);
      done(null, chunk);
    },
  });
  const sum = await database.read({ purpose: "operator" }, async (tx) => {
    const counted = await sumOfMonth(tx, month);
    await pipeline(
      await readMonthAsCsv(tx, month),
      createGzip(),
      hashed,
      createWriteStream(part, { mode: 0o600 }),
    );
    return counted;
  });
  await flush(part);
  const sha256 = hash.digest("hex");
  if ((await sha256Of(part)) !== sha256) throw new Error(`${part} does not read back as it was written`);
  await rename(part, file);
  const { size } = await stat(file);
  const manifest = {
    table: "usage_events",
    month: month.month.slice(0, 7),
    rows: sum.rows,
    charge_usd: sum.chargeUsd,
    bytes: size,
    sha256,
  };
  await writeFile(`${file}.json`, `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 });
  await flush(`${file}.json`);
  return { ...sum, file, sha256 };
}

/** On disk before anything is taken away that only it holds. */
async function flush(path: string): Promise<void> {
  const handle = await open(path, "r+");
  await handle.sync();
  await handle.close();
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}

/** Detaching needs the whole log's lock for a moment; servers that use it are given way to, a few times. */
async function detachOnce(
  database: Database,
  month: UsageMonth,
  exported: Exported,
  actor: AuditActor,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await database.write({ purpose: "operator" }, async (tx) => {
        await tx.unsafe(`set local lock_timeout = '${lockTimeout}'`);
        await detachMonth(tx, month, exported);
        const { rows, chargeUsd, sha256, file } = exported;
        await auditRetention(tx, actor, {
          month: month.month.slice(0, 7),
          rows,
          charge_usd: chargeUsd,
          sha256,
          file,
        });
      });
      return;
    } catch (error) {
      const mayPass = ["55P03", "40P01"].includes(sqlState(error));
      if (!mayPass || tries === mostTries) throw error;
    }
  }
}
