import { createSecretBox, keyCanaryPlace } from "../../lib/secret-box.ts";
import { type Finding, fail, ok, type Patient } from "./finding.ts";

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
    return [ok("key ring", "opens this database's secrets")];
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
