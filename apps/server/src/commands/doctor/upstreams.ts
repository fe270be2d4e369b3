import { effectiveManifest } from "@modelfaucet/contract/manifest.ts";
import type { Config } from "../../config.ts";
import type { Tx } from "../../lib/db.ts";
import { createOutbound } from "../../lib/outbound.ts";
import { createMappedLookup } from "../../lib/outbound-hosts.ts";
import { priceKey, readPublishedVersions } from "../../modules/pricing/pricing.ts";
import { readStoredProviders } from "../../modules/routing/routing.ts";
import { readSettings } from "../../modules/tenancy/tenancy.ts";
import { type Finding, fail, ok, type Patient, warn } from "./finding.ts";

/** Whether LiteLLM answers and every model that features route to has a price. Nothing that costs is asked. */
export async function upstreamFindings({ config, database }: Patient): Promise<Finding[]> {
  const facts = await database.read({ purpose: "operator" }, (tx) => factsOf(tx, config));
  const listed = config.providers.litellmBaseUrl === null ? null : await litellmModels(config);
  return [
    ...(listed === null ? [] : [litellmFinding(listed)]),
    ...coverageFindings(facts),
    ...(listed !== null && "models" in listed ? listingFindings(facts.routed, listed.models) : []),
    ageFinding(facts.newestAgeDays, config.priceBookMaxAgeDays),
  ];
}

type Model = { provider: string; model: string };
type Facts = { routed: Model[]; priced: Set<string>; newestAgeDays: number | null };

const mostFeatures = 10_000;

async function factsOf(tx: Tx, config: Config): Promise<Facts> {
  const { autoText } = await readSettings(tx);
  const features = await tx<{ policy: never; pricing: never }[]>`
    select f.policy, f.pricing from app_features f join apps a on a.id = f.app_id
    where f.status = 'active' and a.status in ('active', 'sandbox', 'pending') order by f.id limit ${mostFeatures}`;
  const used = features.flatMap(
    ({ policy, pricing }) =>
      effectiveManifest(policy, pricing, { autoText, developerShareBps: 0 }).policy.models as Model[],
  );
  const providers = new Set([
    ...(await readStoredProviders(tx, null)).map(({ name }) => name),
    ...(config.providers.litellmBaseUrl ? ["litellm"] : []),
    ...(config.providers.openaiApiKey ? ["openai"] : []),
    ...(config.providers.openrouterApiKey ? ["openrouter"] : []),
    ...(config.providers.anthropicApiKey ? ["anthropic"] : []),
    ...(config.providers.geminiApiKey ? ["gemini"] : []),
  ]);
  const routed = new Map(
    [...used, ...autoText]
      .filter(({ provider }) => providers.has(provider))
      .map((item) => [priceKey(item), item]),
  );
  const versions = await readPublishedVersions(tx);
  const [clock] = await tx<{ ms: number }[]>`select (extract(epoch from mf_now()) * 1000)::float8 as ms`;
  const inForce = versions.filter(({ effectiveMs }) => effectiveMs <= clock!.ms);
  const newest = inForce.at(-1);
  return {
    routed: [...routed.values()],
    priced: new Set(inForce.flatMap(({ prices }) => prices.map(priceKey))),
    newestAgeDays: newest ? (clock!.ms - newest.effectiveMs) / 86_400_000 : null,
  };
}

type Listed = { models: string[] } | { refused: true } | { failed: string };

const timeouts = { connectMs: 3_000, firstByteMs: 5_000, idleMs: 5_000, totalMs: 8_000 };
const longestListBytes = 1_048_576;

/** Asks for the list of models, which costs nothing; the second key of a ring where the first is refused. */
async function litellmModels({ providers, hostMap }: Config): Promise<Listed> {
  const base = providers.litellmBaseUrl!.replace(/\/+$/, "").replace(/\/v1$/, "");
  const outbound = createOutbound({
    connectTimeoutMs: timeouts.connectMs,
    maxConnectionsPerOrigin: 1,
    isAllowedOrigin: (origin) => origin === new URL(base).origin,
    lookup: hostMap === null ? undefined : createMappedLookup(hostMap),
  });
  try {
    for (const key of providers.litellmMasterKey ?? [null]) {
      const answer = await outbound.request({
        url: `${base}/v1/models`,
        method: "GET",
        headers: key === null ? {} : { authorization: `Bearer ${key}` },
        credential: key,
        timeouts,
      });
      const text = (await answer.body.bytes(longestListBytes)).toString("utf8");
      if (answer.status === 200) return modelsIn(text);
      if (answer.status !== 401 && answer.status !== 403)
        return { failed: `it answers with ${answer.status}` };
    }
    return { refused: true };
  } catch (error) {
    return { failed: (error as Error).message };
  } finally {
    await outbound.close();
  }
}

function modelsIn(text: string): Listed {
  try {
    const { data } = JSON.parse(text) as { data: { id: string }[] };
    return { models: data.map(({ id }) => id) };
  } catch {
    return { failed: "it answers with something else than a list of models" };
  }
}

function litellmFinding(listed: Listed): Finding {
  if ("models" in listed) return ok("litellm", `answers and offers ${listed.models.length} models`);
  if ("refused" in listed) {
    return fail(
      "litellm",
      "it refuses LITELLM_MASTER_KEY",
      "use the master key that LiteLLM was started with",
    );
  }
  return fail("litellm", `LITELLM_BASE_URL: ${listed.failed}`, "start LiteLLM, or correct its address");
}

function coverageFindings({ routed, priced }: Facts): Finding[] {
  if (priced.size === 0) {
    return [
      fail(
        "prices",
        "there is no price book, so no call is served",
        "run `pnpm db:seed` or `pnpm prices:import`",
      ),
    ];
  }
  const missing = routed.filter((item) => !priced.has(priceKey(item)));
  if (missing.length === 0) return [ok("prices", `each of the ${routed.length} routed models has a price`)];
  return [
    warn(
      "prices",
      `no price, so no call: ${namesOf(missing)}`,
      "import prices for them, or take them out of the manifests",
    ),
  ];
}

function listingFindings(routed: readonly Model[], models: readonly string[]): Finding[] {
  const unknown = routed.filter(({ provider, model }) => provider === "litellm" && !models.includes(model));
  if (unknown.length === 0) return [];
  return [
    warn(
      "litellm",
      `it does not offer ${namesOf(unknown)}`,
      "add them to LiteLLM's configuration, or take them out of the manifests",
    ),
  ];
}

function ageFinding(ageDays: number | null, mostDays: number): Finding {
  if (ageDays === null)
    return warn("price book", "nothing is in force", "run `pnpm db:seed` or `pnpm prices:import`");
  const says = `the newest prices are ${Math.floor(ageDays)} days old`;
  return ageDays > mostDays
    ? warn("price book", says, "compare them with the providers' and import what has changed")
    : ok("price book", says);
}

function namesOf(models: readonly Model[]): string {
  const names = models.slice(0, 5).map(({ provider, model }) => `${provider}/${model}`);
  return `${names.join(", ")}${models.length > 5 ? ` and ${models.length - 5} more` : ""}`;
}
