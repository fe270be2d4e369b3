// The encryption key turns under load: three deployments, one command between them, and no stream that is lost.
import { randomBytes } from "node:crypto";
import { lastLineOf } from "./deploy-steps.ts";
import type { Rehearsal } from "./rehearsal.ts";
import { promise } from "./steps.ts";
import { startLoad } from "./traffic.ts";

const clients = 2;

export async function rotateKey(rehearsal: Rehearsal): Promise<string> {
  const oldKey = rehearsal.environment.SECRET_ENCRYPTION_KEY!;
  const newKey = randomBytes(30).toString("base64url");
  const ring = (first: string, second: string): string =>
    `ring:${encodeURIComponent(first)},${encodeURIComponent(second)}`;
  const command = (verb: string): Promise<string> =>
    rehearsal.operator.command(
      ["rotate-keys", verb, "--reason", "rehearsal", "--json"],
      rehearsal.environment,
    );
  const load = startLoad(rehearsal.clients, "rotation", clients);
  let total = 0;
  try {
    await rehearsal.redeploy({ SECRET_ENCRYPTION_KEY: ring(oldKey, newKey) });
    await rehearsal.redeploy({ SECRET_ENCRYPTION_KEY: ring(newKey, oldKey) });
    const { rotation } = JSON.parse(lastLineOf(await command("start")));
    promise(rotation.left === 0, `${rotation.left} of ${rotation.total} values are left`);
    total = rotation.total;
    await command("finish");
    await rehearsal.redeploy({ SECRET_ENCRYPTION_KEY: newKey });
  } finally {
    rehearsal.sent.push(...(await load.stop()));
  }
  // Who meets a gateway that drains is told to try again; what was begun is finished.
  const refused = load.sent.filter(({ status }) => status === 503).length;
  const lost = load.sent.filter(({ isWhole, status }) => !isWhole && status !== 503);
  promise(lost.length === 0, `${lost.length} streams were lost: ${lost[0]?.status} ${lost[0]?.text}`);
  const served = load.sent.length - refused;
  promise(served > 0, "no stream was served meanwhile: nothing is proven");
  const old = await rehearsal.operator.run(["serve", "--roles", "worker"], {
    ...rehearsal.environment,
    SECRET_ENCRYPTION_KEY: oldKey,
  });
  promise(old.code === 1, `a server starts with the old key alone: ${old.output.slice(-500)}`);
  return `${total} values sealed anew, ${served} streams served meanwhile, ${refused} told to try again, the old key opens nothing`;
}
