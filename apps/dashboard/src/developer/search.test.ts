import { expect, test } from "vitest";
import { filterCount, overviewSearch, requestsSearch } from "./search.ts";

const whole = {
  range: "7d",
  app: "app_pub_demo",
  feature: "customer_reply",
  status: "failed",
  mode: "platform",
  provider: "openai",
  model: "gpt-5-mini",
  user: "0199f3c2-7a41-7000-8000-000000000001",
  min: "0.05",
  cursor: "abc",
  at: "req_0199f3c2-7a41-7000-8000-000000000001",
};

test("the URL of the requests holds every filter, the place and the choice", () => {
  expect(requestsSearch(whole)).toEqual(whole);
  expect(filterCount(requestsSearch(whole))).toBe(8);
  expect(filterCount({})).toBe(0);
});

test("what is malformed in a typed URL is as if it were not there", () => {
  expect(
    requestsSearch({
      app: "<script>",
      status: "great",
      mode: "PLATFORM",
      user: "1",
      min: "1e9",
      at: "req_1/../..",
      cursor: "",
      other: "x",
    }),
  ).toEqual({});
  expect(overviewSearch({ app: "a", range: "30d", status: "failed" })).toEqual({ app: "a", range: "30d" });
});
