import type { Config } from "./config.ts";
import type { ConfiguredUpstream } from "./modules/routing/routing.ts";

/** The upstreams that the environment names. */
export function configuredUpstreams(providers: Config["providers"]): ConfiguredUpstream[] {
  const { litellmBaseUrl, litellmMasterKey, openaiApiKey, openrouterApiKey, anthropicApiKey, geminiApiKey } =
    providers;
  const configured: ConfiguredUpstream[] = [];
  const trimmed = (url: string): string => url.replace(/\/+$/, "");
  if (litellmBaseUrl) {
    const base = trimmed(litellmBaseUrl);
    configured.push({
      name: "litellm",
      baseUrl: base.endsWith("/v1") ? base : `${base}/v1`,
      keys: litellmMasterKey ?? [null],
    });
  }
  if (openaiApiKey)
    configured.push({ name: "openai", baseUrl: "https://api.openai.com/v1", keys: [openaiApiKey] });
  if (openrouterApiKey)
    configured.push({
      name: "openrouter",
      baseUrl: "https://openrouter.ai/api/v1",
      keys: [openrouterApiKey],
    });
  if (anthropicApiKey)
    configured.push({
      name: "anthropic",
      baseUrl: "https://api.anthropic.com/v1",
      dialect: "anthropic",
      keys: [anthropicApiKey],
    });
  // Source: https://ai.google.dev/gemini-api/docs/openai, read November 2026.
  if (geminiApiKey)
    configured.push({
      name: "gemini",
      baseUrl: "https://generativelanguage.googleapis.com/v1beta/openai",
      keys: [geminiApiKey],
    });
  return configured;
}
