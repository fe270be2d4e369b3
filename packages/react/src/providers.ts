/** The providers whose keys the server takes, by the name that people know them by. */
const providerNames: Readonly<Record<string, string>> = {
  openai: "OpenAI",
  anthropic: "Anthropic",
  openrouter: "OpenRouter",
  gemini: "Google Gemini",
  mistral: "Mistral",
  deepseek: "DeepSeek",
  azure_openai: "Azure OpenAI",
  openai_compatible: "OpenAI-compatible server",
};

export const defaultProviders: readonly string[] = Object.keys(providerNames);

const withOwnAddress: ReadonlySet<string> = new Set(["azure_openai", "openai_compatible"]);

/** Whether a key of it is only good with the address of its server. */
export function needsAddress(provider: string): boolean {
  return withOwnAddress.has(provider);
}

/** A name for what is not in the list is its id: never a wrong name. */
export function providerName(provider: string): string {
  return Object.hasOwn(providerNames, provider) ? providerNames[provider]! : provider;
}
