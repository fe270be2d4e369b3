import { showCount } from "../../format/count.ts";
import { showExact, showPrice, toUnits } from "../../format/money.ts";
import { Chip, type Tone } from "../../ui/chip.tsx";
import type { PriceVersion } from "./prices-queries.ts";

/** A price per million: every decimal that it has. `faint`: where it only follows another one. */
export function Price({ usd, faint = false }: { usd: string | undefined; faint?: boolean }) {
  if (usd === undefined) return <span className="text-faint">–</span>;
  return (
    <span className={faint ? "num text-faint" : "num"} title={`${showExact(usd)} USD`} data-usd={usd}>
      {showPrice(usd)}
    </span>
  );
}

export const unitWords = {
  input_usd: "Input",
  cached_input_usd: "Cached input",
  cache_write_usd: "Cache write",
  output_usd: "Output",
  reasoning_usd: "Reasoning",
  request_usd: "A million requests",
} as const;
export type Unit = keyof typeof unitWords;
export const units = Object.keys(unitWords) as Unit[];

const rowWords: Readonly<Record<string, string>> = {
  input: "Input",
  cached_input: "Cached input",
  cache_write: "Cache write",
  output: "Output",
  reasoning: "Reasoning",
  request: "Request",
  context_length: "Context length",
  max_output_tokens: "Longest output",
  capabilities: "Capabilities",
};

/** `output above 200000` → `Output above 200,000`: the unit of a row of the difference. */
export function rowUnitWords(unit: string): string {
  const match = /^(\w+)(?: above (\d+))?$/.exec(unit);
  const word = rowWords[match?.[1] ?? ""] ?? unit;
  return match?.[2] === undefined ? word : `${word} above ${showCount(Number(match[2]))}`;
}

/** `+25 %`, `−60 %`, `to 0`, `from 0`. */
export function changeWords(change: {
  before_usd?: string | undefined;
  after_usd?: string | undefined;
  change_percent?: number | undefined;
}): string {
  const { before_usd: before, after_usd: after, change_percent: percent } = change;
  if (before !== undefined && toUnits(before) === 0n) return "from 0";
  if (after !== undefined && toUnits(after) === 0n) return "to 0";
  if (percent === undefined) return "";
  const size = Math.abs(percent).toLocaleString("en", { maximumFractionDigits: 2 });
  return `${percent < 0 ? "−" : "+"}${size} %`;
}

const states: Record<PriceVersion["status"], { word: string; tone: Tone; says: string }> = {
  draft: { word: "Draft", tone: "warn", says: "nothing of it is in force" },
  scheduled: { word: "Scheduled", tone: "live", says: "published; in force from its time on" },
  published: {
    word: "Published",
    tone: "good",
    says: "in force since its time, where no later version replaces it",
  },
};

export function VersionChip({ status }: { status: PriceVersion["status"] }) {
  const { word, tone, says } = states[status];
  return (
    <Chip tone={tone} title={says}>
      {word}
    </Chip>
  );
}

const sources: Readonly<Record<string, string>> = {
  csv: "CSV",
  litellm: "LiteLLM's list",
  entries: "entries",
  seed: "shipped with ModelFaucet",
};

export function sourceWords(source: string): string {
  return sources[source] ?? source;
}
