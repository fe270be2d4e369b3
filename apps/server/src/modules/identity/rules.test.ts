import { describe, expect, it } from "vitest";
import { parseUsd } from "../../lib/money.ts";
import {
  mayUseFeature,
  mayUseFrom,
  narrowest,
  narrowestModels,
  narrowestUsd,
  refuseSuspended,
  scopesOfMode,
} from "./rules.ts";

describe("narrowing", () => {
  it("keeps what every given list holds, and nothing when they are disjoint", () => {
    expect(narrowest(null, undefined)).toBeNull();
    expect(narrowest(["a", "b", "a"], null, ["b", "c"])).toEqual(["b"]);
    expect(narrowest(["a"], [])).toEqual([]);
  });

  it("takes the longer of a bare name and provider/model", () => {
    expect(narrowestModels(["gpt-5"], ["openai/gpt-5", "openrouter/gpt-5"])).toEqual([
      "openai/gpt-5",
      "openrouter/gpt-5",
    ]);
    expect(narrowestModels(["openai/gpt-5", "auto:reply"], ["gpt-5", "auto:reply"])).toEqual([
      "openai/gpt-5",
      "auto:reply",
    ]);
    expect(narrowestModels(["x/auto:reply"], ["auto:reply"])).toEqual([]);
    expect(narrowestModels(["a"], null, [])).toEqual([]);
  });

  it("takes the least cap", () => {
    expect(narrowestUsd(null, parseUsd("2"), undefined, parseUsd("0.5"))).toBe(50_000_000n);
    expect(narrowestUsd(null)).toBeNull();
  });

  it("withholds the account from a session that nobody proved", () => {
    expect(scopesOfMode("demo", false)).not.toContain("account:write");
    expect(scopesOfMode("demo", true)).toContain("account:write");
    expect(scopesOfMode("signed", true)).toContain("chat");
  });
});

describe("where and what a session may be used for", () => {
  const allowedOrigins = ["https://a.example", "https://b.example"];
  it("binds a session to the origin that opened it", () => {
    const session = { origin: "https://a.example", origins: [], allowedOrigins };
    expect(mayUseFrom(session, "https://a.example")).toBe(true);
    expect(mayUseFrom(session, "https://b.example")).toBe(false);
    expect(mayUseFrom(session, undefined)).toBe(false);
    expect(mayUseFrom({ ...session, allowedOrigins: [] }, "https://a.example")).toBe(false);
  });

  it("lets a session opened without an origin work without one and from its list", () => {
    const session = { origin: null, origins: ["https://b.example"], allowedOrigins };
    expect(mayUseFrom(session, undefined)).toBe(true);
    expect(mayUseFrom(session, "https://b.example")).toBe(true);
    expect(mayUseFrom(session, "https://a.example")).toBe(false);
  });

  it("keeps a session to its feature or its list of features", () => {
    expect(mayUseFeature({ featureKey: "a", features: null }, "b")).toBe(false);
    expect(mayUseFeature({ featureKey: null, features: ["a"] }, "b")).toBe(false);
    expect(mayUseFeature({ featureKey: null, features: ["a"] }, "a")).toBe(true);
    expect(mayUseFeature({ featureKey: null, features: null }, "a")).toBe(true);
  });

  it.each([
    [{ developerStatus: "closed" as const }, "suspended", "developer"],
    [{ appStatus: "disabled" as const }, "invalid_app", undefined],
    [{ appStatus: "suspended" as const }, "suspended", "app"],
    [{ endUserStatus: "suspended" as const }, "suspended", "end_user"],
  ])("refuses %o as %s", (change, code, what) => {
    const active = { developerStatus: "active", appStatus: "active", endUserStatus: "active" } as const;
    expect(() => refuseSuspended(active)).not.toThrow();
    try {
      refuseSuspended({ ...active, ...change });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code, ...(what ? { details: { what } } : {}) });
    }
  });
});
