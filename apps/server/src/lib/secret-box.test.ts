import { expect, test } from "vitest";
import { createSecretBox, SecretOpenError, type SecretPlace } from "./secret-box.ts";

const first = "Zq7pXw2LkVd9RtYc4MbNhJ6sGf3aEu8T";
const second = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0iL";
const place: SecretPlace = { table: "apps", column: "identity_key", rowId: "row-1", owner: "app-1" };
const box = createSecretBox([first]);

test("what is sealed opens again, and looks different every time", () => {
  const sealed = box.seal("käse", place);
  expect(sealed).toMatch(/^mfenc:v2:[0-9a-f]{8}:[\w-]+:[\w-]{16}:[\w-]+$/);
  expect(box.open(sealed, place)).toBe("käse");
  expect(box.seal("käse", place)).not.toBe(sealed);
  expect(box.open(box.seal("", place), place)).toBe("");
});

test("T-18: refuses every changed bit", () => {
  const sealed = box.seal("an app's identity secret, longer than most of them are", place);
  let tried = 0;
  for (const [part, from] of partsOf(sealed)) {
    const value = Buffer.from(part, "base64url");
    for (let bit = 0; bit < value.length * 8; bit++) {
      const changed = Buffer.from(value);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const text = sealed.slice(0, from) + changed.toString("base64url") + sealed.slice(from + part.length);
      expect(() => box.open(text, place)).toThrow(SecretOpenError);
      tried++;
    }
  }
  expect(tried).toBeGreaterThan(1_000);
});

test("refuses a spelling of the same bytes that is not ours", () => {
  const sealed = box.seal("x", place);
  expect(() => box.open(`${sealed}=`, place)).toThrow(SecretOpenError);
});

test.each<Partial<SecretPlace>>([
  { table: "other" },
  { column: "other" },
  { rowId: "row-2" },
  { owner: "app-2" },
])("does not open in another place: %j", (change) => {
  expect(() => box.open(box.seal("x", place), { ...place, ...change })).toThrow("tampered");
});

test.each([4, 8, 12])("T-18: refuses a tag of %d bytes", (length) => {
  const parts = box.seal("a value of some length", place).split(":");
  const sealed = Buffer.from(parts[5]!, "base64url");
  parts[5] = sealed.subarray(0, sealed.length - 16 + length).toString("base64url");
  expect(() => box.open(parts.join(":"), place)).toThrow(SecretOpenError);
});

test("T-18: a hundred values exchanged between rows open nowhere but at home", () => {
  const places = Array.from({ length: 100 }, (_, row) => ({ ...place, rowId: `row-${row}` }));
  const sealed = places.map((at) => box.seal(at.rowId, at));
  for (const [row, at] of places.entries()) {
    expect(box.open(sealed[row]!, at)).toBe(at.rowId);
    expect(() => box.open(sealed[(row + 1) % 100]!, at)).toThrow("tampered");
  }
});

test("refuses parts of another sealed value", () => {
  const a = box.seal("first", place).split(":");
  const b = box.seal("other", place).split(":");
  for (const index of [3, 4, 5]) {
    const mixed = a.with(index, b[index]!);
    expect(() => box.open(mixed.join(":"), place)).toThrow(SecretOpenError);
  }
});

test("a ring opens with both keys and seals with the first", () => {
  const old = box.seal("x", place);
  const turning = createSecretBox([second, first]);
  expect(turning.open(old, place)).toBe("x");
  expect(turning.keyId).not.toBe(box.keyId);
  expect(() => box.open(turning.seal("x", place), place)).toThrow("unknown_key");
  expect(() => createSecretBox([second]).open(old, place)).toThrow("unknown_key");
});

function partsOf(sealed: string): [part: string, from: number][] {
  const parts = sealed.split(":");
  return [3, 4, 5].map((index) => [parts[index]!, parts.slice(0, index).join(":").length + 1]);
}
