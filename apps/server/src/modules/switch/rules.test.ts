import { describe, expect, it } from "vitest";
import { concerns, featureTarget, isInForce, targetsOf } from "./rules.ts";

const subject = {
  developerId: "d",
  appId: "a",
  featureKey: "chat",
  endUserId: "u",
  sessionId: "s",
  provider: "stub",
  credentialId: "k",
};

describe("what a request can be stopped by", () => {
  it("is everything that it belongs to and runs on, the widest and the nearest to its caller first", () => {
    expect(targetsOf(subject).map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      "platform platform",
      "session s",
      "developer d",
      "app a",
      "end_user u",
      "wallet u",
      "feature a/chat",
      "provider stub",
      "credential k",
    ]);
  });

  it("leaves out what is not known, and a feature without its app", () => {
    expect(targetsOf({ sessionId: "s", featureKey: "chat" }).map(({ kind }) => kind)).toEqual([
      "platform",
      "session",
    ]);
  });

  it("is never a neighbour's, whatever its id looks like", () => {
    expect(concerns(subject, { kind: "feature", id: featureTarget("a", "chat") })).toBe(true);
    for (const switched of [
      { kind: "feature", id: "b/chat" },
      { kind: "feature", id: "a/chat2" },
      { kind: "end_user", id: "s" },
      { kind: "session", id: "u" },
      { kind: "token", id: "k" },
    ] as const) {
      expect(concerns(subject, switched)).toBe(false);
    }
  });

  it("ends at its very instant, and without an end never", () => {
    expect(isInForce({ untilMs: null }, Number.MAX_SAFE_INTEGER)).toBe(true);
    expect(isInForce({ untilMs: 1_000 }, 999)).toBe(true);
    expect(isInForce({ untilMs: 1_000 }, 1_000)).toBe(false);
  });
});
