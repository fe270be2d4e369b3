import { en, type TextKey, type Texts } from "./en.ts";
import { zhCn } from "./zh-cn.ts";

export type Messages = Partial<Record<TextKey, string>>;
type Values = Readonly<Record<string, string>>;
/** The text of a key with its placeholders filled in. */
export type Text = (key: TextKey, values?: Values) => string;

/**
 * What a user must see before and after money moves. It may be put into other words, never taken away: an override that is
 * empty or that leaves out a placeholder does not count. A text that has no placeholder is kept whole in meaning by its
 * translator; no program can judge that.
 */
export const disclosures = [
  "byok.disclosure",
  "byok.disclosure.free",
  "byok.cost",
  "byok.fallback",
  "simulated",
  "debug.on",
  "local.disclosure",
  "local.remote",
  "platform.price",
  "payer",
] as const satisfies readonly TextKey[];

export const bundled: Readonly<Record<"en" | "zh-CN", Texts>> = { en, "zh-CN": zhCn };

/** `locale` is a BCP 47 tag; every Chinese one reads the simplified texts, every other one the English texts. */
export function createText(locale: string, overrides: Messages = {}): Text {
  const texts = bundled[isChinese(locale) ? "zh-CN" : "en"];
  return (key, values = {}) => fill(overrideOf(key, overrides, texts) ?? texts[key], values);
}

function overrideOf(key: TextKey, overrides: Messages, texts: Texts): string | undefined {
  const override = Object.hasOwn(overrides, key) ? overrides[key] : undefined;
  if (typeof override !== "string") return undefined;
  if (!(disclosures as readonly string[]).includes(key)) return override;
  return isVisible(override) && placeholdersOf(texts[key]).every((name) => override.includes(name))
    ? override
    : undefined;
}

/** A letter, a figure or a sign that prints; spaces and characters without width alone show nothing. */
function isVisible(text: string): boolean {
  return /[\p{L}\p{N}\p{S}]/u.test(text.replace(/\{[a-z]+\}/g, ""));
}

function placeholdersOf(text: string): string[] {
  return text.match(/\{[a-z]+\}/g) ?? [];
}

/** A placeholder without a value stays as it is, so that a fault is seen. */
function fill(text: string, values: Values): string {
  return text.replace(/\{([a-z]+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? values[name]! : whole,
  );
}

function isChinese(locale: string): boolean {
  return /^zh(-|$)/i.test(locale);
}
