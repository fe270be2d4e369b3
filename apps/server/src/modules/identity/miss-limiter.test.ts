import { describe, expect, it } from "vitest";
import { createMissLimiter } from "./miss-limiter.ts";

const nothing = async () => null;

describe("unknown tokens", () => {
  it("are limited per address and window, and finds do not count", async () => {
    let nowMs = 0;
    const limiter = createMissLimiter(() => nowMs);
    for (let read = 0; read < 100; read++)
      expect(await limiter.run("203.0.113.1", async () => "found")).toBe("found");
    for (let read = 0; read < 30; read++) await limiter.run("203.0.113.1", nothing);
    await expect(limiter.run("203.0.113.1", nothing)).rejects.toMatchObject({
      code: "rate_limited",
      details: { level: "address", limit: 30 },
      retryAfterSeconds: 10,
    });
    expect(await limiter.run("203.0.113.2", nothing)).toBeNull();
    nowMs = 10_000;
    expect(await limiter.run("203.0.113.1", nothing)).toBeNull();
  });

  it("count for a whole /64, however its addresses are spelled, and for a mapped address as for the plain one", async () => {
    const limiter = createMissLimiter(() => 0);
    for (let read = 0; read < 30; read++) await limiter.run(`2001:db8:0:1::${read.toString(16)}`, nothing);
    await expect(limiter.run("2001:0DB8::0001:a:b:c:d", nothing)).rejects.toMatchObject({
      code: "rate_limited",
    });
    expect(await limiter.run("2001:db8:0:2::1", nothing)).toBeNull();
    for (let read = 0; read < 30; read++) await limiter.run("::ffff:198.51.100.1", nothing);
    await expect(limiter.run("198.51.100.1", nothing)).rejects.toMatchObject({ code: "rate_limited" });
  });

  it("run eight at a time from one address, and a failed read frees its place", async () => {
    const limiter = createMissLimiter(() => 0);
    let running = 0;
    let most = 0;
    const reads = Array.from({ length: 40 }, (_, index) =>
      limiter.run("203.0.113.3", async () => {
        running += 1;
        most = Math.max(most, running);
        await Promise.resolve();
        running -= 1;
        if (index % 2 === 0) throw new Error("the database is away");
        return "found";
      }),
    );
    const outcomes = await Promise.allSettled(reads);
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(20);
    expect(most).toBe(8);
  });
});
