import { expect, test } from "vitest";
import type { AppItem } from "./apps-query.ts";
import { patchOf, percentToBps } from "./setting-fields.ts";

const app = {
  name: "CRM",
  status: "active",
  vertical: "crm",
  default_developer_share_bps: 4000,
  time_zone: "UTC",
  identity_mode: "signed",
  identity: { kind: "secret" },
  allowed_origins: ["https://a.example"],
  session_ttl_seconds: 3600,
  session_max_age_seconds: 43200,
  wallet_limits: { user_day_usd: "0.50000000", app_day_usd: "9.00000000" },
  rate_limits: { user_rpm: 20 },
} as unknown as AppItem;
const patch = (...texts: [string, string][]) => patchOf(app, new Map(texts));

test("a PATCH carries what differs and nothing else", () => {
  expect(patch(["name", "CRM"], ["vertical", "crm"])).toEqual({});
  expect(
    patch(["vertical", ""], ["session_ttl_seconds", "60"], ["default_developer_share_bps", "12.5"]),
  ).toEqual({
    vertical: null,
    session_ttl_seconds: 60,
    default_developer_share_bps: 1250,
  });
  expect(patch(["allowed_origins", " https://a.example \n\nhttps://b.example"])).toEqual({
    allowed_origins: ["https://a.example", "https://b.example"],
  });
});

test("what is nested is replaced whole, so its untouched neighbours go along", () => {
  expect(patch(["wallet_limits.user_day_usd", "1"])).toEqual({
    wallet_limits: { user_day_usd: "1", app_day_usd: "9.00000000" },
  });
  expect(patch(["wallet_limits.user_day_usd", ""])).toEqual({ wallet_limits: { app_day_usd: "9.00000000" } });
  expect(patch(["identity.issuer", "https://id.example"])).toEqual({
    identity: { issuer: "https://id.example" },
  });
});

test("a text that is no number goes as it is: the server says what is wrong", () => {
  expect(patch(["rate_limits.user_rpm", "many"])).toEqual({ rate_limits: { user_rpm: "many" } });
});

test("a percentage becomes basis points exactly, or nothing", () => {
  expect(["40", "12.5", "0.01", "100"].map(percentToBps)).toEqual([4000, 1250, 1, 10_000]);
  expect(["", "1.234", "-1", "x"].map(percentToBps)).toEqual([null, null, null, null]);
});
