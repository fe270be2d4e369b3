import type { Outbound } from "../lib/outbound.ts";
import type { UpstreamProbe, UpstreamProbeResult } from "./provider.ts";
import { asUpstreamError } from "./upstream-failure.ts";

/** Asks for the list of models, which costs nothing with any vendor. Never throws. */
export async function probeModels(
  outbound: Outbound,
  call: UpstreamProbe,
  headers: Readonly<Record<string, string>>,
): Promise<UpstreamProbeResult> {
  const startedAt = performance.now();
  const latencyMs = (): number => performance.now() - startedAt;
  const limit = call.timeoutMs;
  try {
    const response = await outbound.request({
      url: `${call.baseUrl}/models`,
      method: "GET",
      headers,
      credential: call.apiKey,
      timeouts: { connectMs: limit, firstByteMs: limit, idleMs: limit, totalMs: limit },
      signal: call.signal,
    });
    response.body.finish();
    const ok = response.status < 300;
    return { ok, status: response.status, latencyMs: latencyMs(), failure: ok ? undefined : "status" };
  } catch (error) {
    const failure = asUpstreamError(error, undefined).kind;
    return { ok: false, status: undefined, latencyMs: latencyMs(), failure };
  }
}
