import { expect, test } from "vitest";
import { en, type TextKey } from "./en.ts";
import { bundled, createText, disclosures, type Messages } from "./text.ts";

const placeholders = (text: string) => [...new Set(text.match(/\{[a-z]+\}/g) ?? [])].sort();
const keys = Object.keys(en) as TextKey[];

test("every language has every text with the same placeholders", () => {
  for (const texts of Object.values(bundled)) {
    expect(Object.keys(texts).sort()).toEqual([...keys].sort());
    for (const key of keys) {
      expect([key, placeholders(texts[key])]).toEqual([key, placeholders(en[key])]);
      expect(texts[key].trim()).not.toBe("");
    }
  }
});

const empty = ["", "   ", "\u200b", "\u2060\ufeff", "\u00a0", "…", "{mode}{fee}{provider}{app}{estimate}"];

test.each(disclosures)("%s cannot be emptied", (key) => {
  for (const override of empty) {
    expect(createText("en", { [key]: override })(key)).toBe(en[key]);
    expect(createText("zh-CN", { [key]: override })(key)).toBe(bundled["zh-CN"][key]);
  }
});

test.each(disclosures.filter((key) => en[key].includes("{")))("%s keeps each of its placeholders", (key) => {
  for (const missing of placeholders(en[key])) {
    const override = `Anderer Wortlaut ${placeholders(en[key])
      .filter((name) => name !== missing)
      .join(" ")}`;
    expect(createText("en", { [key]: override })(key)).toBe(en[key]);
  }
  const whole = `Anderer Wortlaut ${placeholders(en[key]).join(" ")}`;
  expect(createText("en", { [key]: whole })(key)).toBe(whole);
});

test("other texts may be anything, an own property alone counts", () => {
  expect(createText("en", { "chat.submit": "Los" })("chat.submit")).toBe("Los");
  const inherited = Object.create({ "chat.submit": "inherited" }) as Messages;
  expect(createText("en", inherited)("chat.submit")).toBe(en["chat.submit"]);
});

test("a value is put in as it is, and never read as a placeholder again", () => {
  const text = createText("en");
  expect(text("payer", { mode: "{mode} $& $1" })).toBe("Paid by: {mode} $& $1. Only you can change this.");
  expect(text("payer")).toContain("{mode}");
});

test("Chinese tags read Chinese, all others English", () => {
  for (const locale of ["zh", "zh-CN", "zh-Hans-CN", "ZH-cn"])
    expect(createText(locale)("chat.submit")).toBe("发送");
  for (const locale of ["en", "de-DE", "zhx", ""]) expect(createText(locale)("chat.submit")).toBe("Send");
});
