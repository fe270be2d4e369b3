import { expect, test } from "vitest";
import { maximaPatchOf, textsOf } from "./maxima.ts";

const maxima = { max_markup_percent: 300, max_developer_share_bps: 8050, max_fee_usd: "1.00000000" };

test("limits are shown as somebody would type them, and what is not set is empty", () => {
  expect(textsOf(maxima)).toEqual({
    max_markup_percent: "300",
    max_developer_share_bps: "80.5",
    max_fee_usd: "1.00",
  });
  expect(Object.values(textsOf({}))).toEqual(["", "", ""]);
});

test("only what was changed is sent, an emptied one as null", () => {
  const texts = textsOf(maxima);
  expect(maximaPatchOf(maxima, texts)).toEqual({});
  expect(maximaPatchOf(maxima, { ...texts, max_developer_share_bps: "12.5" })).toEqual({
    max_developer_share_bps: 1250,
  });
  expect(maximaPatchOf(maxima, { ...texts, max_markup_percent: "99.99", max_fee_usd: "" })).toEqual({
    max_markup_percent: 99.99,
    max_fee_usd: null,
  });
  expect(maximaPatchOf({}, { ...textsOf({}), max_fee_usd: "0.00000001" })).toEqual({
    max_fee_usd: "0.00000001",
  });
});

test("what is no number goes as it is, so that the server says what is wrong", () => {
  expect(maximaPatchOf({}, { ...textsOf({}), max_markup_percent: "lots" })).toEqual({
    max_markup_percent: "lots",
  });
});
