import { announce } from "../lib/change-feed.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { uuidV7 } from "../lib/ids.ts";
import { keyCanaryPlace, type SecretBox, SecretOpenError } from "../lib/secret-box.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import { listSealedColumns } from "../modules/backup/backup.ts";
import { askForAgain, destroyUnopened } from "../modules/credential/credential.ts";
import {
  addProgress,
  countOtherSealers,
  countSealedBy,
  insertRotation,
  lockRotations,
  lockSealedByAnother,
  type Rotation,
  readOpenRotation,
  readRotation,
  readSealedTable,
  replaceSealed,
  type SealedFound,
  type SealedTable,
  writeCount,
  writeFinished,
} from "../modules/key-rotation/key-rotation.ts";
import { sealedPlaces } from "./backup/sealed-values.ts";

export type RotationDeps = {
  database: Pick<Database, "read" | "write">;
  secretBox: Pick<SecretBox, "seal" | "open" | "keyId" | "keyIds">;
};

const operator = { purpose: "operator" } as const;
const canaryName = "public.deployment.key_canary";

/**
 * Begins to seal every value with the ring's first key, or goes on with a rotation to that key that has begun. The values
 * are sealed by whoever calls `resealSome`: the worker, or the command.
 * @throws ApiError conflict with `details.reason`: `no_old_key`, `instances`, `nothing_to_rotate`, `rotation_open`
 */
export async function startRotation(
  deps: RotationDeps,
  actor: AuditActor,
  input: { reason: string; startedBy: string },
): Promise<Rotation> {
  const { keyId, keyIds } = deps.secretBox;
  const oldKeyIds = keyIds.filter((id) => id !== keyId);
  return deps.database.write(operator, async (tx) => {
    await lockRotations(tx);
    const open = await readOpenRotation(tx);
    if (open?.keyId === keyId) return open;
    if (open)
      refuse("rotation_open", "Another rotation is open: finish it with the ring that it was started with.");
    if (oldKeyIds.length === 0) {
      refuse(
        "no_old_key",
        "SECRET_ENCRYPTION_KEY holds one key: set ring:<new>,<old> on every process first.",
      );
    }
    await refuseOtherSealers(tx, keyId, oldKeyIds);
    const count = await countAll(tx, keyId);
    if (count.left === 0 && (await canaryKeyId(tx)) === keyId) {
      refuse("nothing_to_rotate", "Every value is sealed with the ring's first key: put the new key first.");
    }
    const { reason, startedBy } = input;
    const done = count.total - count.left;
    const rotation = await insertRotation(tx, {
      id: uuidV7(),
      keyId,
      oldKeyIds,
      total: count.total,
      done,
      reason,
      startedBy,
    });
    await auditRotation(tx, actor, "keys.rotate_start", rotation, reason);
    return rotation;
  });
}

/** Where a pass over all sealed values is; a new one begins at the start. */
export type RotationPass = {
  tables: (SealedTable & { name: string })[] | null;
  after: string[] | null;
  unopened: Record<string, number>;
};

export const newPass = (): RotationPass => ({ tables: null, after: null, unopened: {} });

/**
 * Seals at most 200 values anew, in one commit. False when the pass is over: then the values have been counted, and the
 * rotation runs on, with a pass from the start, or is over but for its end. A process that dies here has lost nothing.
 */
export async function resealSome(
  deps: RotationDeps,
  rotation: Rotation,
  pass: RotationPass,
): Promise<boolean> {
  const { keyId } = deps.secretBox;
  return deps.database.write(operator, async (tx) => {
    pass.tables ??= await sealedTables(tx);
    const [table] = pass.tables;
    if (!table) {
      await countNow(tx, rotation.id, keyId, pass.unopened);
      return false;
    }
    const found = await lockSealedByAnother(tx, table, keyId, pass.after);
    const { fresh, unopened } = resealAll(deps.secretBox, table.name, found);
    const replaced = await replaceSealed(tx, table, keyId, fresh);
    if (replaced > 0) await addProgress(tx, rotation.id, replaced);
    for (const row of unopened) await noteUnopened(tx, table.name, row);
    if (unopened.length > 0) pass.unopened[table.name] = (pass.unopened[table.name] ?? 0) + unopened.length;
    pass.after = found.at(-1)?.key ?? null;
    if (found.length === 0) pass.tables.shift();
    return true;
  });
}

/** Passes until nothing is left but what does not open or somebody holds. `null` when another key is the first now. */
export async function reseal(
  deps: RotationDeps,
  id: string,
  options: { passes: number; onProgress?: (rotation: Rotation) => void },
): Promise<Rotation | null> {
  for (let left = options.passes; ; left--) {
    const rotation = await deps.database.read(operator, (tx) => readRotation(tx, id));
    if (rotation?.status !== "running" || left === 0) return rotation;
    if (rotation.keyId !== deps.secretBox.keyId) return null;
    const pass = newPass();
    while (await resealSome(deps, rotation, pass)) {
      if (options.onProgress) {
        const now = await deps.database.read(operator, (tx) => readRotation(tx, id));
        if (now) options.onProgress(now);
      }
    }
  }
}

/** What the worker does of a rotation that is under way, some passes at a time. */
export async function resealInBackground(deps: RotationDeps): Promise<void> {
  const open = await deps.database.read({ purpose: "cache" }, readOpenRotation);
  if (open?.status === "running") await reseal(deps, open.id, { passes: 1 });
}

/**
 * Ends a rotation when no value needs an old key any more: from then on servers start without it. May be repeated.
 * @throws ApiError not_found; conflict with `details.reason`: `values_left`, `instances`, `rotation_open`
 */
export async function finishRotation(
  deps: RotationDeps,
  actor: AuditActor,
  input: { id: string; reason: string },
): Promise<Rotation> {
  const { keyId } = deps.secretBox;
  const outcome = await deps.database.write(operator, async (tx) => {
    await lockRotations(tx);
    const rotation = await readRotation(tx, input.id);
    if (!rotation) throw new ApiError("not_found", "There is no such rotation.");
    if (rotation.status === "finished") return { rotation, left: 0 };
    if (rotation.keyId !== keyId) {
      refuse(
        "rotation_open",
        "This rotation was started with another first key of the ring: finish it with that one.",
      );
    }
    await refuseOtherSealers(tx, keyId, []);
    const counted = await countNow(tx, rotation.id, keyId, rotation.unopened);
    const left = counted.total - counted.done;
    if (left > 0) return { rotation: counted, left };
    await destroyUnopened(tx, keyId);
    await resealCanary(tx, deps.secretBox);
    const finished = await writeFinished(tx, rotation.id);
    await auditRotation(tx, actor, "keys.rotate_finish", finished, input.reason);
    return { rotation: finished, left: 0 };
  });
  const { rotation, left } = outcome;
  if (left === 0) return rotation;
  const named = Object.keys(rotation.unopened);
  refuse(
    "values_left",
    named.length === 0
      ? `The old key is still needed, by ${left} of the sealed values: wait until they are sealed anew.`
      : `The old key is still needed, by ${left} of the sealed values, and some do not open: look at ${named.join(", ")}.`,
    { left, unopened: rotation.unopened },
  );
}

function refuse(reason: string, sentence: string, facts: Record<string, unknown> = {}): never {
  throw new ApiError("conflict", sentence, { details: { reason, ...facts } });
}

/** Whoever seals with an old key makes work that nobody sees, and whoever lacks the new one cannot read ours. */
async function refuseOtherSealers(tx: Tx, keyId: string, oldKeyIds: readonly string[]): Promise<void> {
  const instances = await countOtherSealers(tx, keyId, oldKeyIds);
  if (instances === 0) return;
  refuse(
    "instances",
    `${instances} running processes have another ring: start all of them with ring:<new>,<old> first.`,
    { instances },
  );
}

async function sealedTables(tx: Tx): Promise<(SealedTable & { name: string })[]> {
  const tables = [];
  for (const column of await listSealedColumns(tx)) {
    const name = `${column.schema}.${column.name}.${column.column}`;
    // The known word comes last: until then no server starts without the old key.
    if (name !== canaryName) tables.push({ name, ...(await readSealedTable(tx, column)) });
  }
  return tables;
}

async function countAll(tx: Tx, keyId: string): Promise<{ total: number; left: number }> {
  const sum = { total: 0, left: 0 };
  for (const table of await sealedTables(tx)) {
    const { total, left } = await countSealedBy(tx, table, keyId);
    sum.total += total;
    sum.left += left;
  }
  return sum;
}

async function countNow(
  tx: Tx,
  id: string,
  keyId: string,
  unopened: Record<string, number>,
): Promise<Rotation> {
  const count = await countAll(tx, keyId);
  return writeCount(tx, id, { ...count, unopened, status: count.left === 0 ? "overlap" : "running" });
}

function resealAll(
  secretBox: RotationDeps["secretBox"],
  name: string,
  found: readonly SealedFound[],
): { fresh: { key: string[]; old: string; fresh: string }[]; unopened: SealedFound[] } {
  const placeOf = sealedPlaces[name];
  const fresh: { key: string[]; old: string; fresh: string }[] = [];
  const unopened: SealedFound[] = [];
  for (const one of found) {
    const place = placeOf?.(one.row);
    const plain = place === undefined ? null : tryOpen(secretBox, one.value, place);
    if (plain === null) unopened.push(one);
    else fresh.push({ key: one.key, old: one.value, fresh: secretBox.seal(plain, place!) });
  }
  return { fresh, unopened };
}

function tryOpen(
  secretBox: RotationDeps["secretBox"],
  value: string,
  place: Parameters<SecretBox["open"]>[1],
): string | null {
  try {
    return secretBox.open(value, place);
  } catch (error) {
    if (!(error instanceof SecretOpenError)) throw error;
    return null;
  }
}

/** A provider key that does not open is asked for again; of anything else an operator has to hear. */
async function noteUnopened(tx: Tx, name: string, { row }: SealedFound): Promise<void> {
  if (name !== "public.provider_credentials.sealed_secret") return;
  const key = row as {
    id: string;
    owner_scope: string;
    app_id: string;
    end_user_id: string | null;
    provider: string;
  };
  if (!(await askForAgain(tx, key.id))) return;
  await append(tx, {
    actorScope: "system",
    action: "provider_key.open_failed",
    resourceType: "provider_key",
    resourceId: key.id,
    ...(key.owner_scope === "platform" ? {} : { appId: key.app_id }),
    ...(key.owner_scope === "developer" ? { developerId: String(row.developer_id) } : {}),
    metadata: { owner_scope: key.owner_scope, by: "rotation" },
  });
  if (key.owner_scope === "platform") await announce(tx, "provider", key.provider);
  else await announce(tx, "credential", key.end_user_id ?? key.app_id);
}

async function canaryKeyId(tx: Tx): Promise<string | null> {
  const [row] = await tx<{ canary: string | null }[]>`select key_canary as canary from deployment`;
  return row?.canary?.split(":")[2] ?? null;
}

async function resealCanary(tx: Tx, secretBox: RotationDeps["secretBox"]): Promise<void> {
  const [row] = await tx<
    { canary: string | null }[]
  >`select key_canary as canary from deployment for no key update`;
  if (!row?.canary) return;
  const fresh = secretBox.seal(secretBox.open(row.canary, keyCanaryPlace), keyCanaryPlace);
  await tx`update deployment set key_canary = ${fresh}`;
}

async function auditRotation(
  tx: Tx,
  actor: AuditActor,
  action: "keys.rotate_start" | "keys.rotate_finish",
  rotation: Rotation,
  reason: string,
): Promise<void> {
  await append(tx, {
    ...actor,
    action,
    resourceType: "key_rotation",
    resourceId: rotation.id,
    reason,
    metadata: {
      kind: rotation.kind,
      done: rotation.done,
      total: rotation.total,
      unopened: rotation.unopened,
    },
  });
}
