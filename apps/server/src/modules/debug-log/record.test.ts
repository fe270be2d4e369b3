import { describe, expect, it } from "vitest";
import { createDebugRecord } from "./record.ts";

const mebibyte = 1024 * 1024;

describe("the record of one call", () => {
  it("holds what was sent, byte for byte, and what was told, one JSON text per line", () => {
    const sent = Buffer.from('{"model" : "a",  "messages":[]}');
    const record = createDebugRecord(sent);
    record.add({ n: 1 });
    record.add({ n: "zwölf" });
    const answer = '{"n":1}\n{"n":"zwölf"}';
    expect(record.bodies).toEqual({
      request: { text: sent.toString(), bytes: sent.length, truncated: false },
      answer: { text: answer, bytes: Buffer.byteLength(answer), truncated: false },
    });
  });

  it("is whole at a mebibyte, and cut behind it between two characters", () => {
    expect(createDebugRecord(Buffer.alloc(mebibyte, "x")).bodies.request.truncated).toBe(false);
    const { request } = createDebugRecord(Buffer.from(`x${"é".repeat(mebibyte)}`)).bodies;
    expect(request).toMatchObject({ bytes: 2 * mebibyte + 1, truncated: true });
    expect(Buffer.byteLength(request.text)).toBe(mebibyte - 1);
    expect(request.text).toMatch(/^xé+$/);
  });

  it("stops keeping an answer that goes on, and still counts it", () => {
    const record = createDebugRecord(Buffer.from("{}"));
    const chunk = { text: "y".repeat(1_000) };
    for (let count = 0; count < 3_000; count++) record.add(chunk);
    const { answer } = record.bodies;
    expect(Buffer.byteLength(answer.text)).toBe(mebibyte);
    expect(answer).toMatchObject({ bytes: 3_000 * (JSON.stringify(chunk).length + 1) - 1, truncated: true });
  });

  it("of a call that was told nothing says nothing", () => {
    expect(createDebugRecord(Buffer.from("")).bodies.answer).toEqual({
      text: "",
      bytes: 0,
      truncated: false,
    });
  });
});
