import type { Outbound } from "../../lib/outbound.ts";
import { keySetLimitBytes } from "./key-set.ts";

const timeouts = { connectMs: 2_000, firstByteMs: 3_000, idleMs: 2_000, totalMs: 5_000 };

/** The text behind a developer's `jwks_url`, by the tenants' door. A redirect is no answer. @throws on any other than 200 */
export async function fetchKeySet(outbound: Pick<Outbound, "request">, url: string): Promise<string> {
  const answer = await outbound.request({
    url,
    door: "tenant",
    entrance: "jwks",
    method: "GET",
    headers: { accept: "application/jwk-set+json, application/json" },
    timeouts,
  });
  if (answer.status !== 200) {
    answer.body.cancel();
    throw new Error(`the key set was answered with ${answer.status}`);
  }
  return (await answer.body.bytes(keySetLimitBytes)).toString("utf8");
}
