import type { RouteMode } from "@modelfaucet/sdk";

/** Who pays, as it stands on a chip. */
export function payerName(mode: RouteMode): string {
  switch (mode) {
    case "byok":
      return "Your key";
    case "local":
      return "This computer";
    default:
      return "Credits";
  }
}

const vendors: Readonly<Record<string, string>> = {
  openai: "OpenAI",
  anthropic: "Anthropic",
  openrouter: "OpenRouter",
  gemini: "Google Gemini",
  mistral: "Mistral",
  deepseek: "DeepSeek",
  azure_openai: "Azure OpenAI",
  openai_compatible: "your provider",
};

export function vendorName(provider: string): string {
  return vendors[provider] ?? provider;
}
