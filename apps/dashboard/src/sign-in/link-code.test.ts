import { expect, test } from "vitest";
import { codeIn } from "./link-code.ts";

test("finds the code of a link, and none in any other fragment", () => {
  expect(codeIn("#code=mf_link_abc")).toBe("mf_link_abc");
  expect(codeIn("#main")).toBe(null);
  expect(codeIn("#other=1")).toBe(null);
  expect(codeIn("#code=")).toBe(null);
  expect(codeIn("")).toBe(null);
});
