import { freePorts } from "@modelfaucet/testkit/product.ts";
import { portkeyHeaders } from "./portkey.ts";
import type { Rig } from "./rig.ts";
import { measureStreams, readStreams, type StreamsResult, startStreamsUpstream } from "./streams.ts";

/** The same streams through one of the three; milliseconds are how long a chunk was on its way from upstream. */
export type ManyStreamsResult = { scenario: "streams"; through: "gateway" | "bare hop" | "portkey" } & Omit<
  StreamsResult,
  "gateway_cpu"
> & {
    /** Of one core, what the process that relays took while the streams ran. */
    cpu: number;
  };

type Way = {
  through: ManyStreamsResult["through"];
  url: string;
  pid: number;
  headers: Record<string, string>;
};

const chunksPerSecond = 20;

/**
 * So many streams at a time at twenty chunks a second, one hop after the other, since two at a time would be measured as
 * one. Ours has a product and books of its own, which are held to what was answered. @throws when they are not right
 */
export async function measureManyStreams(
  rig: Rig,
  streams: number,
  seconds: number,
): Promise<ManyStreamsResult[]> {
  const { postgres } = rig;
  const own = await measureStreams({ postgres, streams, seconds, chunksPerSecond });
  const results = [told("gateway", own)];
  const [port] = await freePorts(1);
  const upstream = `http://127.0.0.1:${port}/v1`;
  const upstreamProcess = await startStreamsUpstream(port!, chunksPerSecond, seconds);
  try {
    const hop = await rig.startBareHop(upstream);
    const ways: Way[] = [{ through: "bare hop", ...hop, headers: {} }];
    if (rig.portkey !== null) {
      const headers = portkeyHeaders(upstream);
      ways.push({ through: "portkey", url: rig.portkey, pid: rig.pids.portkey!, headers });
    }
    for (const { through, url, pid, headers } of ways) {
      const rampMs = Math.min(seconds * 250, 5_000);
      const read = await readStreams(pid, { url: `${url}/v1`, streams, rampMs, tokens: ["none"], headers });
      results.push(told(through, { streams, chunks_per_s: chunksPerSecond, seconds, ...read }));
    }
  } finally {
    upstreamProcess.disconnect();
  }
  return results;
}

function told(
  through: ManyStreamsResult["through"],
  { gateway_cpu: cpu, ...read }: StreamsResult,
): ManyStreamsResult {
  return { scenario: "streams", through, ...read, cpu };
}
