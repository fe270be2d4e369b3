import { expect, test } from "vitest";
import {
  alertsSearch,
  appsSearch,
  developersSearch,
  limitsSearch,
  walletSearch,
  walletsSearch,
} from "./search.ts";

const id = "0199f3c2-7a41-7000-8000-000000000001";

test("the URLs of the operator's lists hold every filter and the place", () => {
  const whole = [
    [developersSearch, { q: "Müller & Co", status: "suspended", cursor: "abc" }],
    [appsSearch, { q: "crm", status: "pending", developer: id, cursor: "abc" }],
    [walletsSearch, { scope: "end_user", status: "debt", app: "app_pub_demo", owner: id, cursor: "abc" }],
    [walletSearch, { kind: "adjustment", cursor: "abc" }],
    [limitsSearch, { level: "feature", target: "app_pub_demo/customer_reply" }],
    [alertsSearch, { state: "all", kind: "page", cursor: "abc" }],
  ] as const;
  for (const [read, search] of whole) expect(read({ ...search, other: "x" })).toEqual(search);
});

test("what is malformed in a typed URL is as if it were not there", () => {
  expect(developersSearch({ q: "", status: "great", cursor: "" })).toEqual({});
  expect(appsSearch({ developer: "1", status: "ACTIVE" })).toEqual({});
  expect(walletsSearch({ scope: "nobody", app: "<script>", owner: `${id}0`, status: "" })).toEqual({});
  expect(walletSearch({ kind: "usage" })).toEqual({});
  expect(alertsSearch({ state: "open", kind: "mail" })).toEqual({});
});

test("a target without its level is none, and the platform has none", () => {
  expect(limitsSearch({ target: "app_pub_demo" })).toEqual({});
  expect(limitsSearch({ level: "platform", target: "app_pub_demo" })).toEqual({ level: "platform" });
});
