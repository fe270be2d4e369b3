import { randomBytes } from "node:crypto";
import type { Tx } from "../lib/db.ts";
import { uuidV7 } from "../lib/ids.ts";
import type { SecretBox } from "../lib/secret-box.ts";
import { credentialPlace, insertKey, updateKey } from "../modules/credential/credential.ts";

/**
 * A provider key of the developer and one of the user, so that a foreign hand has something to reach for. Neither opens
 * anything: they are random, switched off in the transaction that makes them, and for an address of nobody.
 */
export async function plantKeys(
  tx: Tx,
  secretBox: Pick<SecretBox, "seal" | "keyId">,
  owner: { appId: string; developerId: string; endUserId: string },
): Promise<boolean> {
  const [known] = await tx`select 1 from provider_credentials where app_id = ${owner.appId} limit 1`;
  if (known) return false;
  for (const endUserId of [null, owner.endUserId]) {
    const key = { id: uuidV7(), appId: owner.appId, developerId: owner.developerId, endUserId };
    const settings = {
      modelsAllowed: null,
      budgetLimitUsd: null,
      priority: 100,
      weight: 1,
      name: "isolation probe",
      fallbackToPlatform: false,
      disclosureVersion: null,
    };
    await insertKey(tx, {
      ...key,
      ...settings,
      provider: "openai_compatible",
      baseUrl: "https://isolation.example.com/v1",
      sealed: secretBox.seal(randomBytes(16).toString("hex"), credentialPlace(key)),
      sealedWith: secretBox.keyId,
      masked: "…",
      lastCharacters: "",
    });
    await updateKey(tx, key.id, { ...settings, status: "disabled" });
  }
  return true;
}
