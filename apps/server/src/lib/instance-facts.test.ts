import { describe, expect, it } from "vitest";
import { createInstanceFacts } from "./instance-facts.ts";

const minute = 60_000;

describe("what an instance tells of itself", () => {
  it("counts answers, failures and slow calls of its last five minutes, and forgets what is older", () => {
    let now = 1_000_000;
    const facts = createInstanceFacts(() => now);
    for (const status of [200, 404, 500, 503]) facts.answered(status);
    facts.called(49.9);
    facts.called(50.1);
    expect(facts.snapshot()).toMatchObject({ answers: 4, failures: 2, calls: 2, slow_calls: 1 });
    now += 4 * minute;
    facts.answered(200);
    expect(facts.snapshot()).toMatchObject({ answers: 5, failures: 2 });
    now += 1.5 * minute;
    expect(facts.snapshot()).toMatchObject({ answers: 1, failures: 0, calls: 0, slow_calls: 0 });
    now += 60 * minute;
    expect(facts.snapshot()).toMatchObject({ answers: 0, failures: 0 });
  });

  it("tells how long the oldest settlement has been pending, until that one is done or has failed", async () => {
    let now = 0;
    const facts = createInstanceFacts(() => now);
    const first = Promise.withResolvers<void>();
    const second = Promise.withResolvers<void>();
    facts.settlesLate(first.promise);
    facts.settlesLate(second.promise);
    now = 61_000;
    expect(facts.snapshot()).toMatchObject({ settlement_pending_seconds: 61 });
    first.resolve();
    await first.promise;
    expect(facts.snapshot()).toMatchObject({ settlement_pending_seconds: 61 });
    second.reject(new Error("gone"));
    await second.promise.catch(() => {});
    expect(facts.snapshot()).not.toHaveProperty("settlement_pending_seconds");
  });

  it("tells when a secret last failed, and which jobs are late", () => {
    let now = 5_000;
    const facts = createInstanceFacts(() => now);
    expect(facts.snapshot()).toEqual({
      answers: 0,
      failures: 0,
      calls: 0,
      egress_refusals: 0,
      slow_calls: 0,
      late_jobs: {},
    });
    facts.secretFailed();
    facts.setLateJobs(() => ({ retention: 900 }));
    now = 65_000;
    expect(facts.snapshot()).toMatchObject({ secret_failed_seconds_ago: 60, late_jobs: { retention: 900 } });
  });
});
