import type { Tx } from "../../lib/db.ts";
import type { Usd } from "../../lib/money.ts";
import { probeTransfer } from "./settle.ts";
import { insertTransfers } from "./write-store.ts";

/** Books what a probe took, once for its id, as cost that the operator carries. Purpose `operator`. */
export async function bookProbe(tx: Tx, probeId: string, costUsd: Usd): Promise<void> {
  if (costUsd === 0n) return;
  const [head] = await tx<{ epoch: number }[]>`select epoch from deployment`;
  await insertTransfers(tx, [probeTransfer(probeId, costUsd)], head!.epoch);
}
