import { expect, test } from "vitest";
import { byokDisclosureVersion, coversDisclosure } from "./disclosure.ts";

test("a lowered fee is agreed to already, a raised one and another text are not", () => {
  const agreed = byokDisclosureVersion("0.00050000");
  expect(coversDisclosure(agreed, "0.00050000")).toBe(true);
  expect(coversDisclosure(agreed, "0.00000000")).toBe(true);
  expect(coversDisclosure(agreed, "0.00050001")).toBe(false);
  expect(coversDisclosure(byokDisclosureVersion("10.00000000"), "9.00000000")).toBe(true);
  for (const other of [null, undefined, "", "byok-0:1.00000000", "byok-1:1", `${agreed} `, "local-1"])
    expect(coversDisclosure(other, "0.00000000"), String(other)).toBe(false);
});
