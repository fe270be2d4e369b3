// What one user does on a fresh platform, provider by provider, and what the books say about it.
import { randomBytes } from "node:crypto";
import { isPrivateHost } from "@modelfaucet/server/config/hosts.ts";
import type { inspectConfig } from "@modelfaucet/server/config.ts";
import { type Pilot, preparePilot } from "./image-rehearsal-traffic.ts";
import { promise, type Step, until } from "./rehearse/steps.ts";

type Provider = keyof typeof modelOf;

export type Smoke = {
  api: string;
  /** With `/v1`. */
  gateway: string;
  tokens: { admin: string; developer: string };
  providers: readonly Provider[];
  command(args: readonly string[]): Promise<string>;
};

/** Of each provider one that is priced by the seed, and cheap. */
const modelOf = {
  simulated: "sim-small",
  litellm: "auto-text",
  openai: "gpt-5-mini",
  openrouter: "openai/gpt-5-mini",
} as const;

/** At most so much is spent on one provider. */
const mostUsd = "0.01000000";
/** Enough for a model that thinks first, and within the above at its price. */
const outputTokens = 1024;

/** The real providers of this environment, or the sentence that says why none is asked. */
export function providersToAsk({
  providers,
  smoke,
}: ReturnType<typeof inspectConfig>["config"]): Provider[] | string {
  const { litellmBaseUrl, openaiApiKey, openrouterApiKey } = providers;
  const found: Provider[] = [];
  if (litellmBaseUrl) {
    if (isPrivateHost(new URL(litellmBaseUrl).hostname) && !smoke.allowPrivateProvider)
      return "LITELLM_BASE_URL is private: set SMOKE_ALLOW_PRIVATE_PROVIDER=1 when that is what you want";
    found.push("litellm");
  }
  if (openaiApiKey) found.push("openai");
  if (openrouterApiKey) found.push("openrouter");
  if (found.length > 0) return found;
  return "no real provider is configured: set LITELLM_BASE_URL, OPENAI_API_KEY or OPENROUTER_API_KEY";
}

export function smokeSteps(smoke: Smoke): Step[] {
  return [
    ...smoke.providers.flatMap((provider) => stepsOf(smoke, provider)),
    {
      name: "books",
      needs: ["servers"],
      run: async () => {
        await smoke.command(["books"]);
        return "every check holds";
      },
    },
  ];
}

// biome-ignore lint/suspicious/noExplicitAny: answers are read field by field; a missing one fails the step
type Json = any;

function stepsOf(smoke: Smoke, provider: Provider): Step[] {
  const named = (name: string): string => (smoke.providers.length > 1 ? `${provider}: ${name}` : name);
  const step = (name: string, needs: string, run: () => Promise<string>): Step => ({
    name: named(name),
    needs: [needs === "servers" ? needs : named(needs)],
    run,
  });
  const model = `${provider}/${modelOf[provider]}`;
  let pilot: Pilot;
  let token = "";
  const requestIds: string[] = [];
  const user = (path: string): Promise<Json> => read(`${smoke.api}${path}`, token);
  return [
    step("session", "servers", async () => {
      const name = `smoke_${randomBytes(4).toString("hex")}`;
      pilot = await preparePilot(smoke.api, smoke.tokens, { name, models: [model], creditUsd: mostUsd });
      ({ token } = await pilot.openSession("smoke"));
      return `of app_pub_${name}, for ${model}`;
    }),
    step("balance", "session", async () => {
      const { balance_usd } = await user("/v1/user/wallet");
      promise(balance_usd === mostUsd, `the wallet holds ${balance_usd}, not ${mostUsd}`);
      return `${balance_usd} USD`;
    }),
    step("call", "session", async () => {
      const { modelfaucet: facts, choices } = JSON.parse(await complete(smoke.gateway, token, model, false));
      promise(choices[0].message.content !== "", "the answer is empty");
      requestIds.push(facts.request_id);
      return `${facts.charge_usd} USD`;
    }),
    step("stream", "session", async () => {
      const text = await complete(smoke.gateway, token, model, true);
      promise(text.trim().endsWith("data: [DONE]"), "the stream was cut");
      const id = /"request_id":"(req_[0-9a-f-]+)"/.exec(text)?.[1];
      promise(id !== undefined, "the stream does not say its request_id");
      requestIds.push(id!);
      return `${text.split("\ndata: ").length} events`;
    }),
    step("entries", "stream", async () => {
      const counts: number[] = [];
      for (const id of requestIds) {
        const { transactions, charge_usd } = await settled(pilot, id);
        const entries = transactions.flatMap(({ entries }: Json) => entries);
        promise(entries.length >= 4, `${id} at ${charge_usd} USD has ${entries.length} entries, not 4`);
        counts.push(entries.length);
      }
      return `${counts.join(" and ")} of two requests`;
    }),
    step("usage event", "stream", async () => {
      const { items } = await user("/v1/user/usage");
      const missing = requestIds.filter((id) => !items.some((item: Json) => item.request_id === id));
      promise(missing.length === 0, `the usage list does not have ${missing.join(", ")}`);
      const { balance_usd } = await user("/v1/user/wallet");
      promise(balance_usd < mostUsd, `the wallet still holds ${balance_usd}`);
      return `${items.length} in the list, ${balance_usd} USD left`;
    }),
  ];
}

async function settled(pilot: Pilot, id: string): Promise<Json> {
  let record: Json;
  const isClosed = async (): Promise<boolean> => {
    record = await pilot.recordOf(id);
    return record.status !== "pending";
  };
  await until(`${id} is settled`, isClosed, 10_000);
  promise(record.status === "succeeded", `${id} is ${record.status}`);
  return record;
}

async function complete(gateway: string, token: string, model: string, stream: boolean): Promise<string> {
  const answer = await fetch(`${gateway}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      model,
      stream,
      max_tokens: outputTokens,
      messages: [{ role: "user", content: "Say hello in one short sentence." }],
    }),
    signal: AbortSignal.timeout(120_000),
  });
  return textOf(answer, "the call");
}

async function read(url: string, token: string): Promise<Json> {
  const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  return JSON.parse(await textOf(answer, new URL(url).pathname));
}

async function textOf(answer: Response, what: string): Promise<string> {
  const text = await answer.text();
  promise(answer.ok, `${what} was refused: ${answer.status} ${text.slice(0, 500)}`);
  return text;
}
