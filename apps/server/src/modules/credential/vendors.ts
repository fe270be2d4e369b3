import { ApiError } from "../../lib/errors.ts";

/** Who an own key can be of. The last two are wherever their `base_url` says. */
export const vendorNames = [
  "openai",
  "openrouter",
  "anthropic",
  "gemini",
  "mistral",
  "deepseek",
  "azure_openai",
  "openai_compatible",
] as const;
export type VendorName = (typeof vendorNames)[number];

export type Vendor = {
  /** With `/v1` or what the vendor wants instead, no slash at the end; `null`: the key's own row says. */
  baseUrl: string | null;
  dialect: "openai" | "anthropic";
  /** How the key travels; `api-key` beside the bearer. */
  keyHeader: "authorization" | "x-api-key" | "api-key";
  /** A call that costs nothing and only succeeds with a good key. `listsModels`: it answers with their list. */
  freeCheck: { path: string; listsModels: boolean; refusedBy: readonly number[] };
  /** Whose domains a `base_url` must lie in; `null`: anywhere. */
  domains: readonly string[] | null;
};

const modelList = { path: "/models", listsModels: true, refusedBy: [401, 403] } as const;

/** Where each vendor's keys go, and nowhere else. */
export const vendors: Readonly<Record<VendorName, Vendor>> = {
  // Source: https://platform.openai.com/docs/api-reference/models/list, 2026-11-25.
  openai: vendor("https://api.openai.com/v1"),
  // Its model list is public and proves nothing; `/key` tells of the key that asks.
  // Source: https://openrouter.ai/docs/api/api-reference/api-keys/get-current-key, 2026-11-25.
  openrouter: {
    ...vendor("https://openrouter.ai/api/v1"),
    freeCheck: { path: "/key", listsModels: false, refusedBy: [401, 403] },
  },
  // Source: https://docs.claude.com/en/api/models-list, 2026-11-25.
  anthropic: { ...vendor("https://api.anthropic.com/v1"), dialect: "anthropic", keyHeader: "x-api-key" },
  // A key that does not exist is answered with 400. Source: https://ai.google.dev/gemini-api/docs/openai and
  // https://ai.google.dev/gemini-api/docs/troubleshooting, 2026-11-25.
  gemini: {
    ...vendor("https://generativelanguage.googleapis.com/v1beta/openai"),
    freeCheck: { ...modelList, refusedBy: [400, 401, 403] },
  },
  // Source: https://docs.mistral.ai/api/endpoint/models, 2026-11-25.
  mistral: vendor("https://api.mistral.ai/v1"),
  // Source: https://api-docs.deepseek.com/api/list-models, 2026-11-25.
  deepseek: vendor("https://api.deepseek.com/v1"),
  // Source: https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (v1 API), 2026-11-25.
  azure_openai: {
    ...vendor(null),
    keyHeader: "api-key",
    domains: ["openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com", "openai.azure.us"],
  },
  openai_compatible: vendor(null),
};

function vendor(baseUrl: string | null): Vendor {
  return { baseUrl, dialect: "openai", keyHeader: "authorization", freeCheck: modelList, domains: null };
}

export function isVendorName(name: string): name is VendorName {
  return (vendorNames as readonly string[]).includes(name);
}

/** Where a key is used: the vendor's own address, or the one that its row names, without a slash at the end. */
export function baseUrlOf(provider: VendorName, stored: string | null): string {
  const base = (vendors[provider].baseUrl ?? stored ?? "").replace(/\/+$/, "");
  if (provider !== "azure_openai") return base;
  // What Azure's portal shows is the resource; its OpenAI-compatible API lies below it.
  const { pathname } = new URL(base);
  if (pathname === "/") return `${base}/openai/v1`;
  return pathname === "/openai" ? `${base}/v1` : base;
}

/** Headers beside the bearer token. */
export function extraHeadersOf(provider: VendorName, secret: string): Record<string, string> | undefined {
  return vendors[provider].keyHeader === "api-key" ? { "api-key": secret } : undefined;
}

/**
 * How keys of vendors begin, the longer forms first, and who takes such a key.
 * Source: the vendors' own documentation and the shapes that secret scanners know, 2026-11-25.
 */
const keyShapes: readonly { form: RegExp; owners: readonly VendorName[]; of: string }[] = [
  { form: /^sk-ant-/, owners: ["anthropic"], of: "Anthropic" },
  { form: /^sk-or-/, owners: ["openrouter"], of: "OpenRouter" },
  { form: /^sk-(proj|svcacct|admin)-|T3BlbkFJ/, owners: ["openai"], of: "OpenAI" },
  { form: /^(AIza|AQ\.)/, owners: ["gemini"], of: "Google" },
  { form: /^gsk_/, owners: ["openai_compatible"], of: "Groq" },
  { form: /^xai-/, owners: ["openai_compatible"], of: "xAI" },
  { form: /^hf_/, owners: ["openai_compatible"], of: "Hugging Face" },
  { form: /^r8_/, owners: ["openai_compatible"], of: "Replicate" },
  { form: /^mf_[a-z]+_|^whsec_/, owners: [], of: "ModelFaucet itself" },
  { form: /^sk-/, owners: ["openai", "deepseek", "openai_compatible"], of: "OpenAI or DeepSeek" },
];

/**
 * Refuses a key that shows by its form that it is another vendor's, before anything is sent anywhere.
 * @throws ApiError secret_validation_failed, base_url_not_allowed
 */
export function refuseForeignKey(provider: VendorName, apiKey: string, baseUrl: string | null): void {
  // What fits into no header is no key, and would be told in an error of the client below.
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new ApiError("secret_validation_failed", "`api_key` has characters that no provider key has.", {
      param: "api_key",
      details: { reason: "malformed" },
    });
  }
  const shape = keyShapes.find(({ form }) => form.test(apiKey));
  if (!shape || shape.owners.includes(provider)) return;
  // A vendor's key may go to that vendor under this name too, and to no other address.
  const isAtHome =
    provider === "openai_compatible" && shape.owners.some((owner) => isAddressOf(owner, baseUrl));
  if (isAtHome) return;
  throw new ApiError(
    "secret_validation_failed",
    `This is a key of ${shape.of}, not of \`${provider}\`: nothing was sent; choose its own provider.`,
    { param: "api_key", details: { reason: "other_provider" } },
  );
}

function isAddressOf(owner: VendorName, baseUrl: string | null): boolean {
  const own = vendors[owner].baseUrl;
  return own !== null && baseUrl !== null && URL.parse(baseUrl)?.host === new URL(own).host;
}

/**
 * Whether the address that comes with a key fits its vendor; the egress guard judges where it leads.
 * @throws ApiError invalid_request, base_url_not_allowed
 */
export function refuseForeignBaseUrl(provider: VendorName, baseUrl: string | null): void {
  const { baseUrl: own, domains } = vendors[provider];
  if (own !== null) {
    if (baseUrl === null) return;
    throw new ApiError(
      "base_url_not_allowed",
      `Keys of \`${provider}\` go to its own address; leave it out.`,
      {
        param: "base_url",
        details: { reason: "fixed" },
      },
    );
  }
  if (baseUrl === null) {
    throw new ApiError("invalid_request", `\`base_url\` is required for \`${provider}\`.`, {
      param: "base_url",
    });
  }
  const host = URL.parse(baseUrl)?.hostname ?? "";
  if (domains === null || domains.some((domain) => host.endsWith(`.${domain}`))) return;
  throw new ApiError("base_url_not_allowed", `\`base_url\` of \`${provider}\` must be the vendor's own.`, {
    param: "base_url",
    details: { reason: "other_provider" },
  });
}
