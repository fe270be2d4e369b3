import fc from "fast-check";
import { expect, test } from "vitest";
import { EventTooLargeError, readEvents } from "./event-stream.ts";

async function read(bytes: Uint8Array, cuts: readonly number[], limit = 1_000_000): Promise<string[]> {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      let from = 0;
      for (const to of [...places, bytes.length]) {
        if (to > from) controller.enqueue(bytes.subarray(from, to));
        from = to;
      }
      controller.close();
    },
  });
  const events: string[] = [];
  for await (const event of readEvents(body, limit)) events.push(event);
  return events;
}

test("any cut of the bytes and any line end gives the same events", async () => {
  const line = fc.string({ unit: fc.constantFrom("a", "é", "蓝", "🙂", " ", ":", '"') });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(line, { minLength: 1, maxLength: 3 }), { maxLength: 5 }),
      fc.constantFrom("\n", "\r\n", "\r"),
      fc.array(fc.nat(500), { maxLength: 20 }),
      async (events, end, cuts) => {
        const text = events
          .map((lines) => `: comment${end}id: 1${end}${lines.map((l) => `data: ${l}${end}`).join("")}${end}`)
          .join("");
        const expected = events.map((lines) => lines.join("\n"));
        expect(await read(new TextEncoder().encode(text), cuts)).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test("an event that the end of the stream cuts off is not given out", async () => {
  expect(await read(new TextEncoder().encode("data: one\n\ndata: tw"), [])).toEqual(["one"]);
});

test("an event above the limit ends the reading, with and without a line end", async () => {
  const long = new TextEncoder().encode(`data: ${"x".repeat(200)}`);
  await expect(read(long, [50, 100], 150)).rejects.toBeInstanceOf(EventTooLargeError);
  const lines = new TextEncoder().encode("data: 1234567890\n".repeat(20));
  await expect(read(lines, [], 150)).rejects.toBeInstanceOf(EventTooLargeError);
});

test("leaving the loop cancels the body", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("data: one\n\n")),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const _event of readEvents(body, 1000)) break;
  expect(cancelled).toBe(true);
});
