import { expect, test } from "vitest";
import { operatorAuditSearch } from "./audit/search.ts";
import { sessionsSearch } from "./sessions/search.ts";
import { switchesSearch } from "./switches/search.ts";

const id = "0199f3c2-7a41-7000-8000-000000000000";

test("what is well formed in a URL is kept", () => {
  const switches = { type: "feature", target: "app_pub_demo/customer_reply", state: "off" };
  expect(switchesSearch(switches)).toEqual(switches);
  expect(sessionsSearch({ by: "end_user_id", of: id, status: "live" })).toEqual({
    by: "end_user_id",
    of: id,
    status: "live",
  });
  const audit = { range: "7d", action: "switch.suspend", scope: "admin", request: `req_${id}` };
  expect(operatorAuditSearch(audit)).toEqual(audit);
});

test("everything else is as if it were not there", () => {
  expect(switchesSearch({ type: "topups", target: "x", state: "maybe" })).toEqual({});
  // Of the platform there is only one, and a target without a type names nothing.
  expect(switchesSearch({ type: "platform", target: "x" })).toEqual({ type: "platform" });
  expect(switchesSearch({ target: "app_pub_demo" })).toEqual({});
  expect(sessionsSearch({ by: "end_user_id", of: "app_pub_demo" })).toEqual({ by: "end_user_id" });
  expect(sessionsSearch({ by: "token", of: id })).toEqual({});
  expect(sessionsSearch({ by: "origin", of: "javascript:alert(1)" })).toEqual({ by: "origin" });
  expect(operatorAuditSearch({ action: "DROP TABLE", request: "req_1", scope: "nobody" })).toEqual({});
});
