import type { Tx } from "../../lib/db.ts";
import { keyCanaryPlace, type SecretBox, SecretOpenError, type SecretPlace } from "../../lib/secret-box.ts";
import { answerPlace } from "../../modules/answer/answer.ts";
import { eachSealed, listSealedColumns } from "../../modules/backup/backup.ts";
import { credentialPlace } from "../../modules/credential/credential.ts";
import { debugLogPlace } from "../../modules/debug-log/debug-log.ts";
import { providerKeyPlace } from "../../modules/routing/routing.ts";
import { identityKeyPlace, previousIdentityKeyPlace, userHashKeyPlace } from "../apps.ts";

type Row = Record<string, unknown>;

/** Where each sealed value was sealed to, by its column. A column that is missing here fails the check by its name. */
export const sealedPlaces: Readonly<Record<string, (row: Row) => SecretPlace>> = {
  "public.deployment.key_canary": () => keyCanaryPlace,
  "public.apps.identity_key": (row) => identityKeyPlace(text(row.id), text(row.developer_id)),
  "public.apps.previous_identity_key": (row) =>
    previousIdentityKeyPlace(text(row.id), text(row.developer_id)),
  "public.apps.user_hash_key": (row) => userHashKeyPlace(text(row.id), text(row.developer_id)),
  "public.provider_credentials.sealed_secret": (row) =>
    row.owner_scope === "platform" ? providerKeyPlace(text(row.id)) : credentialPlace(keyOf(row)),
  "public.idempotency_answers.sealed_answer": (row) => answerPlace(text(row.app_id), text(row.request_id)),
  "public.debug_logs.sealed_bodies": (row) => debugLogPlace(text(row.app_id), text(row.request_id)),
};

export type SealedCheck = {
  opened: number;
  /** One phrase per column and reason: never a value. */
  faults: string[];
};

/** Opens every sealed value of the database, and keeps none. */
export async function openEverySealedValue(tx: Tx, secretBox: SecretBox): Promise<SealedCheck> {
  const faults = new Map<string, number>();
  let opened = 0;
  for (const column of await listSealedColumns(tx)) {
    const name = `${column.schema}.${column.name}.${column.column}`;
    const placeOf = sealedPlaces[name];
    await eachSealed(tx, column, ({ value, row }) => {
      // Its owner has been asked for it again already.
      if (row.status === "needs_reentry") return;
      const fault = placeOf ? tryOpen(secretBox, value, placeOf(row)) : "nobody knows where it was sealed to";
      if (fault === null) opened += 1;
      else faults.set(`${name}: ${fault}`, (faults.get(`${name}: ${fault}`) ?? 0) + 1);
    });
  }
  return { opened, faults: [...faults].map(([fault, values]) => `${fault} (${values} values)`) };
}

/** What no key of the ring can open, by the ids of the keys that sealed it; `null` when there is nothing. */
export function missingKeys(secretBox: SecretBox, sealed: Readonly<Record<string, number>>): string | null {
  // What has no key's id in it is no sealed value at all, which is found when it is opened.
  const missing = Object.entries(sealed).filter(
    ([keyId]) => /^[0-9a-f]{8}$/.test(keyId) && !secretBox.keyIds.includes(keyId),
  );
  if (missing.length === 0) return null;
  const named = missing.map(([keyId, values]) => `${keyId} (${values} values)`).join(", ");
  return `SECRET_ENCRYPTION_KEY is not the key ring of this backup: it lacks ${named} and holds ${secretBox.keyIds.join(", ")}`;
}

function tryOpen(secretBox: SecretBox, value: string, place: SecretPlace): string | null {
  try {
    secretBox.open(value, place);
    return null;
  } catch (error) {
    if (!(error instanceof SecretOpenError)) throw error;
    return error.kind === "unknown_key"
      ? `sealed with key ${value.split(":")[2]}, which the ring lacks`
      : error.kind;
  }
}

const keyOf = (row: Row) => ({
  id: text(row.id),
  appId: text(row.app_id),
  developerId: text(row.developer_id),
  endUserId: row.end_user_id === null ? null : text(row.end_user_id),
});

const text = (value: unknown): string => String(value);
