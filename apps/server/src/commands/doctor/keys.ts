import { createSecretBox, keyCanaryPlace } from "../../lib/secret-box.ts";
import { readOpenRotation } from "../../modules/key-rotation/key-rotation.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Whether the key ring opens what the first server of this database sealed. */
export async function keyFindings({ config, database }: Patient): Promise<Finding[]> {
  const ring = config.secretEncryptionKey;
  if (!ring) return [];
  const [row] = await database.read(
    {},
    (tx) => tx<{ canary: string | null }[]>`select key_canary as canary from deployment`,
  );
  const sealed = row?.canary ?? null;
  if (sealed === null) return [ok("key ring", "nothing was sealed yet: the first server seals a known word")];
  try {
    createSecretBox(ring).open(sealed, keyCanaryPlace);
    return [ok("key ring", "opens this database's secrets"), ...(await openRotation(database))];
  } catch {
    return [
      fail(
        "key ring",
        "SECRET_ENCRYPTION_KEY does not open this database's secrets",
        "use the key that sealed them; no other can",
      ),
    ];
  }
}

/** A rotation that was begun is to be ended: until then the old key has to stay. */
async function openRotation(database: Patient["database"]): Promise<Finding[]> {
  const rotation = await database.read({ purpose: "cache" }, async (tx) => {
    const [known] = await tx`select to_regclass('key_rotations') is not null as known`;
    return known!.known ? readOpenRotation(tx) : null;
  });
  if (rotation === null) return [];
  const left = rotation.total - rotation.done;
  return [
    left > 0
      ? warn(
          "key rotation",
          `${left} of ${rotation.total} values need the old key`,
          "`mf rotate-keys start` goes on with it",
        )
      : warn(
          "key rotation",
          "every value is sealed anew, and the old key is still needed",
          "`mf rotate-keys finish`",
        ),
  ];
}
