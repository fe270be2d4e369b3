import { expect, it } from "vitest";
import { createCircuits } from "./circuits.ts";

function circuits() {
  let now = 0;
  const made = createCircuits({ failures: 3, openMs: 1_000, now: () => now });
  return {
    ...made,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

it("opens after so many failures in a row, for that upstream alone", () => {
  const { isOpen, failed, succeeded } = circuits();
  failed("a");
  failed("a");
  expect(isOpen("a")).toBe(false);
  succeeded("a");
  failed("a");
  failed("a");
  expect(isOpen("a")).toBe(false);
  failed("a");
  expect([isOpen("a"), isOpen("b")]).toEqual([true, false]);
});

it("tells since when the operator's upstreams are left alone, not whose keys", () => {
  const { openProviders, failed, pass } = circuits();
  for (let count = 0; count < 3; count++) {
    failed("provider a");
    failed("credential b");
  }
  pass(900);
  failed("provider a");
  pass(900);
  expect(openProviders()).toEqual({ a: 2 });
});

it("lets one request try when the time has passed, and opens again when that fails", () => {
  const { isOpen, look, failed, succeeded, pass } = circuits();
  for (let count = 0; count < 3; count++) failed("a");
  pass(1_000);
  expect(look("a")).toBe("closed");
  expect([isOpen("a"), isOpen("a"), isOpen("a")]).toEqual([false, true, true]);
  failed("a");
  pass(999);
  expect(isOpen("a")).toBe(true);
  pass(1);
  expect(isOpen("a")).toBe(false);
  succeeded("a");
  expect([isOpen("a"), isOpen("a")]).toEqual([false, false]);
});
