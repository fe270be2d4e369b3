import { listAlerts, ruleNamed } from "../../modules/alert/alert.ts";
import { newestBackups } from "../../modules/backup/backup.ts";
import { createSharedStore } from "../../modules/rate/shared-store.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

const mostAlerts = 50;

/** What the worker has found and what still holds. */
export async function alertFindings({ database }: Patient): Promise<Finding[]> {
  const open = await database.read({ purpose: "operator" }, (tx) =>
    listAlerts(tx, { before: null, limit: mostAlerts, state: "open" }),
  );
  if (open.length === 0) return [ok("alerts", "none is open")];
  return open.map(({ rule, kind, target, openedAt, acknowledgedBy }) => {
    const says = `${rule} of ${target}, since ${openedAt.toISOString()}`;
    if (acknowledgedBy !== null)
      return warn("alerts", `${says}, acknowledged`, "it closes when its cause is gone");
    const remedy = ruleNamed(rule)?.remedy.replace(/\.$/, "") ?? "see the console";
    return kind === "page" ? fail("alerts", says, remedy) : warn("alerts", says, remedy);
  });
}

const redisWithinMs = 2_000;

/** Whether instances share their rate limits where there are several. */
export async function redisFindings({ config, database }: Patient): Promise<Finding[]> {
  if (config.redisUrl !== null) {
    if (await answers(config.redisUrl)) return [ok("redis", "answers: instances share their rate limits")];
    return [
      fail(
        "redis",
        "REDIS_URL does not answer: each instance limits alone",
        "start Redis, or correct its address and password",
      ),
    ];
  }
  const [row] = await database.read(
    { purpose: "operator" },
    (tx) => tx<{ many: boolean }[]>`
      select count(*) filter (where 'gateway' = any (roles)) > 1 or count(*) filter (where 'api' = any (roles)) > 1 as many
      from instances where heartbeat_at > mf_now() - interval '30 seconds'`,
  );
  if (!row!.many) return [ok("redis", "none is needed: no role has several instances")];
  return [
    warn("redis", "several instances keep their rate limits each alone", "set REDIS_URL for gateway and API"),
  ];
}

async function answers(url: string): Promise<boolean> {
  const store = createSharedStore(url, () => {});
  const until = performance.now() + redisWithinMs;
  try {
    while (performance.now() < until) {
      // Commands before the connection stands are refused at once.
      const isThere = await store.ping().then(
        () => true,
        () => false,
      );
      if (isThere) return true;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return false;
  } finally {
    store.close();
  }
}

const oldestBackupHours = 26;
const oldestDrillDays = 35;

/** The newest backup, and the newest that a drill has restored. */
export async function backupFindings({ database }: Patient): Promise<Finding[]> {
  const { newest, nowMs } = await database.read({ purpose: "operator" }, async (tx) => {
    const [row] = await tx<{ ms: number }[]>`select (extract(epoch from mf_now()) * 1000)::float8 as ms`;
    return { newest: await newestBackups(tx), nowMs: row!.ms };
  });
  const { taken, tested } = newest;
  if (!taken) {
    return [
      warn(
        "backup",
        "none was taken",
        "run `pnpm ops:backup --to <folder>` every day, and a drill every month",
      ),
    ];
  }
  const hours = (nowMs - taken.takenAt.getTime()) / 3_600_000;
  const says = `the newest is ${Math.floor(hours)} hours old: ${taken.path}`;
  const findings = [
    hours > oldestBackupHours
      ? warn("backup", says, "run `pnpm ops:backup --to <folder>` every day")
      : ok("backup", says),
  ];
  if (!tested?.testedAt) {
    return [...findings, warn("restore drill", "no backup was ever restored", drillRemedy)];
  }
  const days = (nowMs - tested.testedAt.getTime()) / 86_400_000;
  const drill = `the newest tested backup is of ${tested.takenAt.toISOString()}: ${tested.path}`;
  return [
    ...findings,
    days > oldestDrillDays
      ? warn("restore drill", `${drill}, tested ${Math.floor(days)} days ago`, drillRemedy)
      : ok("restore drill", drill),
  ];
}

const drillRemedy = "run `pnpm ops:restore --drill --from <folder>`";
