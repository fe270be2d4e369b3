import { expect, it } from "vitest";
import { readTraceparent, writeTraceparent } from "./tracing.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

it("reads a trace's parent, also one of a later version, and writes it back", () => {
  const text = `00-${traceId}-${spanId}-01`;
  expect(readTraceparent(text)).toEqual({ traceId, spanId, flags: 1 });
  expect(writeTraceparent(readTraceparent(text)!)).toBe(text);
  expect(readTraceparent(`cc-${traceId}-${spanId}-00-what-comes`)).toEqual({ traceId, spanId, flags: 0 });
});

it("takes nothing that is malformed", () => {
  for (const text of [
    undefined,
    "",
    `ff-${traceId}-${spanId}-01`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
    `00-${traceId}-${spanId}-01\r\nx: y`,
  ]) {
    expect(readTraceparent(text), text).toBeNull();
  }
});
