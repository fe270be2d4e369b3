import { expect, test } from "vitest";
import { ApiError } from "../../lib/errors.ts";
import { createSignInPause } from "./console-pause.ts";

const minutes = 60_000;
const wrong = async (): Promise<never> => {
  throw new ApiError("invalid_session", "wrong");
};

function pauseAt() {
  const clock = { now: 5 * minutes };
  const bursts: string[] = [];
  const pause = createSignInPause(
    () => clock.now,
    async (address) => {
      bursts.push(address);
    },
  );
  const fail = async (times: number, address = "203.0.113.7"): Promise<string[]> => {
    const codes: string[] = [];
    for (let at = 0; at < times; at++) {
      codes.push(await pause.run(address, wrong).catch((error: ApiError) => error.code));
    }
    return codes;
  };
  return { clock, bursts, pause, fail };
}

test("ten failures pause an address for a quarter of an hour after the last one, and tell it once", async () => {
  const { clock, bursts, pause, fail } = pauseAt();
  expect(await fail(12)).toEqual([...Array(10).fill("invalid_session"), "rate_limited", "rate_limited"]);
  expect(bursts).toEqual(["203.0.113.7"]);
  clock.now += 15 * minutes - 1;
  expect(await fail(1)).toEqual(["rate_limited"]);
  clock.now += 1;
  expect(await pause.run("203.0.113.7", async () => "in")).toBe("in");
  expect(await fail(11)).toEqual([...Array(10).fill("invalid_session"), "rate_limited"]);
});

test("failures of more than a quarter of an hour ago do not count, successes in between forgive nothing", async () => {
  const { clock, pause, fail } = pauseAt();
  await fail(5);
  clock.now += 10 * minutes;
  await fail(4);
  await pause.run("203.0.113.7", async () => "in");
  clock.now += 6 * minutes;
  expect(await fail(7)).toEqual([...Array(6).fill("invalid_session"), "rate_limited"]);
});

test("tries on their way count, so that many at once are no way around; other failures do not", async () => {
  const { pause } = pauseAt();
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const running = Array.from({ length: 10 }, () => pause.run("203.0.113.7", () => gate));
  await expect(pause.run("203.0.113.7", async () => "in")).rejects.toMatchObject({ code: "rate_limited" });
  expect(await pause.run("203.0.113.8", async () => "in")).toBe("in");
  open();
  await Promise.all(running);
  for (let at = 0; at < 20; at++) {
    const away = pause.run("203.0.113.7", async () => Promise.reject(new Error("the database is away")));
    await expect(away).rejects.toThrow("away");
  }
  expect(await pause.run("203.0.113.7", async () => "in")).toBe("in");
});

test("an IPv6 household is one address", async () => {
  const { fail } = pauseAt();
  for (let host = 1; host <= 10; host++) await fail(1, `2001:db8:1:2::${host}`);
  expect(await fail(1, "2001:db8:1:2:ffff::1")).toEqual(["rate_limited"]);
  expect(await fail(1, "2001:db8:1:3::1")).toEqual(["invalid_session"]);
});
