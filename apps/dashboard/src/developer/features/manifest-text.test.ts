import { expect, test } from "vitest";
import { lineOf, readText, textOf, withValue } from "./manifest-text.ts";

const text = textOf({ policy: { models: ["simulated/sim-small"] }, pricing: { markup_percent: 30 } });

test("a change by the form leaves everything else of the text as it was laid out", () => {
  const byHand = '{\n    "pricing": {"markup_percent": 30},\n    "policy": {}\n}';
  expect(withValue(byHand, ["pricing", "markup_percent"], 45)).toBe(byHand.replace("30", "45"));
  expect(readText(withValue(text, ["policy", "limits", "user_rpm"], 20)).manifest?.policy).toEqual({
    models: ["simulated/sim-small"],
    limits: { user_rpm: 20 },
  });
});

test("an emptied field is taken out, not set to nothing", () => {
  expect(readText(withValue(text, ["pricing", "markup_percent"], undefined)).manifest?.pricing).toEqual({});
});

test("a text that is no manifest says at which line, and the form does not touch it", () => {
  const broken = '{\n  "policy": {},\n  "pricing": { "markup_percent": }\n}';
  expect(readText(broken)).toMatchObject({ manifest: null, faults: [{ path: "", line: 3 }] });
  expect(withValue(broken, ["pricing", "markup_percent"], 1)).toBe(broken);
  expect(readText('{ "policy": [] }').faults).toMatchObject([{ path: "policy" }]);
  expect(readText('{ "price": {} }').faults).toMatchObject([{ path: "price" }]);
  expect(readText("[]").manifest).toBe(null);
});

test("a path is found at its line, a missing one at what is around it", () => {
  expect(lineOf(text, "pricing.markup_percent")).toBe(8);
  expect(lineOf(text, "policy.models.0")).toBe(4);
  expect(lineOf(text, "policy.limits.user_rpm")).toBe(2);
});
