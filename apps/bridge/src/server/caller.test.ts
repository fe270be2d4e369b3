import { expect, test } from "vitest";
import { isLoopbackPeer } from "./caller.ts";

test.each(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])("%s is this computer", (address) => {
  expect(isLoopbackPeer(address)).toBe(true);
});

test.each([
  "192.168.1.5",
  "10.0.0.1",
  "::ffff:192.168.1.5",
  "fe80::1",
  "0.0.0.0",
  "::",
  "2001:db8::1",
  "",
  undefined,
])("%s is not", (address) => {
  expect(isLoopbackPeer(address)).toBe(false);
});
