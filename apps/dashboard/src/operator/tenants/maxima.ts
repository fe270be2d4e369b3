import type { SentOf } from "@modelfaucet/contract/route.ts";
import type { updateAppAsOperator } from "@modelfaucet/contract/routes/admin.ts";
import { percentToBps } from "../../developer/apps/setting-fields.ts";
import { showPrice } from "../../format/money.ts";

/** The most that a manifest may ask for, as far as it is set. */
export type Maxima = {
  max_markup_percent?: number;
  max_developer_share_bps?: number;
  max_fee_usd?: string;
};
export type MaximaPatch = SentOf<typeof updateAppAsOperator>["limits"];
type Texts = Readonly<Record<keyof Maxima, string>>;

export const maximaNames = ["max_markup_percent", "max_developer_share_bps", "max_fee_usd"] as const;

/** As somebody would type them; what is not set is empty. */
export function textsOf(maxima: Maxima): Texts {
  const { max_markup_percent: markup, max_developer_share_bps: bps, max_fee_usd: fee } = maxima;
  return {
    max_markup_percent: markup === undefined ? "" : String(markup),
    max_developer_share_bps: bps === undefined ? "" : String(bps / 100),
    max_fee_usd: fee === undefined ? "" : showPrice(fee).slice(1).replaceAll(",", ""),
  };
}

/**
 * What the changed texts mean; an emptied one goes back to what stands above it. What is no number goes as it is: the
 * server says what is wrong with it.
 */
export function maximaPatchOf(maxima: Maxima, texts: Texts): MaximaPatch {
  const before = textsOf(maxima);
  const changed = maximaNames.filter((name) => texts[name].trim() !== before[name]);
  return Object.fromEntries(changed.map((name) => [name, meantBy(name, texts[name].trim())])) as MaximaPatch;
}

/** The limits of an app as the API gives them: a record in which only these three can stand. */
export function maximaOfApp(limits: Readonly<Record<string, unknown>>): Maxima {
  return limits as Maxima;
}

function meantBy(name: keyof Maxima, text: string): string | number | null {
  if (text === "") return null;
  if (name === "max_fee_usd") return text;
  const bps = percentToBps(text);
  if (bps === null) return text;
  return name === "max_developer_share_bps" ? bps : bps / 100;
}
