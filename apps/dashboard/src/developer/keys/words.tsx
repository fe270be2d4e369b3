import { Chip, type Tone } from "../../ui/chip.tsx";
import { Moment } from "../../ui/moment.tsx";
import type { KeyTest, ProviderKey } from "./keys-queries.ts";

/** Each vendor; the last two are wherever their address says. */
export const vendors = {
  openai: "OpenAI",
  openrouter: "OpenRouter",
  anthropic: "Anthropic",
  gemini: "Gemini",
  mistral: "Mistral",
  deepseek: "DeepSeek",
  azure_openai: "Azure OpenAI",
  openai_compatible: "Another, OpenAI-compatible",
} as const;
export type Vendor = keyof typeof vendors;

export function vendorName(provider: string): string {
  return vendors[provider as Vendor] ?? provider;
}

export function hasAddress(provider: string): boolean {
  return provider === "azure_openai" || provider === "openai_compatible";
}

type Reason = NonNullable<KeyTest["reason"]>;

/** What a check found, and what to do about it. */
export const reasonWords: Record<Reason, { word: string; says: string }> = {
  key_invalid: {
    word: "refused",
    says: "The vendor does not take this key: make a new one there and add it.",
  },
  quota: { word: "used up", says: "The vendor knows the key and refuses for want of quota or money there." },
  unreachable: { word: "not reached", says: "The vendor could not be reached: try again in a moment." },
  timeout: { word: "too slow", says: "The vendor did not answer in time: try again in a moment." },
  base_url: {
    word: "bad address",
    says: "Its address is not one that may be called: delete the key and add it anew.",
  },
};

const statusWords: Record<ProviderKey["status"], { word: string; tone: Tone; says: string }> = {
  active: { word: "Active", tone: "good", says: "routes may use it" },
  invalid: { word: "Refused", tone: "bad", says: "its vendor refused it: no route uses it" },
  needs_reentry: {
    word: "Enter again",
    tone: "bad",
    says: "it cannot be opened any more: delete it and add it",
  },
  disabled: { word: "Disabled", tone: "plain", says: "switched off by you: no route uses it" },
  suspended: { word: "Suspended", tone: "bad", says: "switched off by the operator" },
};

export function KeyStatusChip({ item: { status } }: { item: ProviderKey }) {
  const { word, tone, says } = statusWords[status];
  return (
    <Chip tone={tone} title={says}>
      {word}
    </Chip>
  );
}

/** Whether routes may use it, in words where they may not. */
export function whyUnused({ status }: ProviderKey): string | null {
  return status === "active" ? null : statusWords[status].says;
}

export function LastCheck({ item: { last_check: check } }: { item: ProviderKey }) {
  if (!check) return <span className="text-faint">never</span>;
  const word = check.ok ? "good" : check.reason ? reasonWords[check.reason].word : "failed";
  return (
    <span>
      <span className={check.ok ? "text-good" : "text-bad"}>{word}</span>{" "}
      <span className="text-muted">
        <Moment at={check.at} />
      </span>
    </span>
  );
}
