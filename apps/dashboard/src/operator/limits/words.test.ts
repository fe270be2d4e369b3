import { expect, test } from "vitest";
import { limitWords } from "./words.ts";

const item = { level: "app", set_by: "operator", updated_at: "2026-11-25T04:48:09.421Z" } as const;

test("a limit is told in words, with its amount and its window", () => {
  const words = (
    limit: Pick<Parameters<typeof limitWords>[0], "measure" | "window" | "limit" | "limit_usd">,
  ) => limitWords({ ...item, ...limit });
  expect(words({ measure: "usd", window: "day", limit_usd: "5.00000000" })).toBe("$5.00 a day");
  expect(words({ measure: "usd", window: "total", limit_usd: "0.00000000" })).toBe("$0.00 ever");
  expect(words({ measure: "usd", window: "month", limit_usd: "0.00000001" })).toBe("$0.00000001 a month");
  expect(words({ measure: "requests", window: "minute", limit: 60 })).toBe("60 requests a minute");
  expect(words({ measure: "tokens", window: "minute", limit: 100_000 })).toBe("100,000 tokens a minute");
  expect(words({ measure: "concurrency", window: "total", limit: 1 })).toBe("1 at once");
});
