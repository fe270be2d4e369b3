import { expect, inject, it } from "vitest";
import { measureStreams } from "../../bench/streams.ts";

// A fifth of the bench's case, on memory and completeness alone: time belongs to the bench.
it("R3: two hundred streams of twenty chunks a second stay within the memory of a thousand, and lose nothing", async () => {
  const seconds = 6;
  const read = await measureStreams({ postgres: inject("postgres"), streams: 200, seconds });
  expect(read).toMatchObject({ whole: 200, broken: 0 });
  // A few chunks are cut by the packets, and are counted by nobody.
  expect(read.chunks).toBeGreaterThan(0.99 * 200 * 20 * seconds);
  expect(read.peak_mib).toBeLessThanOrEqual(350);
  expect(read.peak_mib - read.idle_mib).toBeLessThanOrEqual(120);
}, 90_000);
