import type { Database } from "../lib/db.ts";
import type { KeySetSource, StoredKeySet } from "../modules/identity/identity.ts";
import { keepKeySet as writeKeySet } from "../modules/tenancy/tenancy.ts";

/** Keeps the set that an app's URL answered with, so that it serves also after a restart while that URL is away. */
export async function keepKeySet(
  database: Pick<Database, "write">,
  { appId, developerId }: KeySetSource,
  stored: StoredKeySet,
): Promise<void> {
  await database.write({ developerId }, (tx) => writeKeySet(tx, appId, stored));
}
