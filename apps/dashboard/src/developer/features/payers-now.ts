import type { RouteMode } from "../search.ts";

/** One model of one payer: whether it would be tried now, and where not, or not surely, why. */
type ModelNow = { provider: string; model: string; tried: "yes" | "no" | "perhaps"; why: string | null };
export type PayerNow = { mode: RouteMode; models: ModelNow[]; says: string };

type Policy = {
  route_preference: readonly RouteMode[];
  models: readonly { provider: string; model: string; routes?: readonly RouteMode[] | undefined }[];
};
type Key = { provider: string; status: string; models_allowed: readonly string[] };
type Priced = { route_mode: RouteMode; provider: string; model: string };

/**
 * Each payer in the order of the preference with its models, as far as a developer can know: prices and the developer's own
 * keys. What hangs on one user (their credits, their key, their computer) is said in words. `keys` is `null` where they may
 * not be read.
 */
export function payersNow(
  policy: Policy,
  priced: readonly Priced[],
  keys: readonly Key[] | null,
): PayerNow[] {
  return policy.route_preference.map((mode) => {
    if (mode === "local") return { mode, says: saysOf[mode], models: [] };
    const listed = policy.models.filter(({ routes }) => routes?.includes(mode) ?? true);
    const models = listed.map(({ provider, model }) => {
      const why = whyNot(mode, { provider, model }, priced, keys);
      return { provider, model, tried: why === null ? ("yes" as const) : ("no" as const), why };
    });
    const own = mode === "developer_key" ? ownModels(listed, keys ?? []) : [];
    return { mode, says: saysOf[mode], models: [...models, ...own] };
  });
}

/** What each payer needs beside a model. */
const saysOf: Record<RouteMode, string> = {
  local: "the models of the user's own computer; tried where its page has paired the bridge",
  byok: "with the user's own key for the vendor, where they added one and agreed to what it means",
  developer_key: "with your key; you pay the vendor and are reimbursed from the user's credits",
  platform: "from the user's credits, where they suffice for the hold",
};

function whyNot(
  mode: RouteMode,
  entry: { provider: string; model: string },
  priced: readonly Priced[],
  keys: readonly Key[] | null,
): string | null {
  const isPriced = priced.some(
    ({ route_mode: of, provider, model }) =>
      of === mode && provider === entry.provider && model === entry.model,
  );
  // A user's own key may call what has no price: it costs us nothing.
  if (!isPriced && mode !== "byok") return "no price in the price book";
  return mode === "developer_key" ? whyNoKey(entry, keys) : null;
}

function whyNoKey(entry: { provider: string; model: string }, keys: readonly Key[] | null): string | null {
  if (keys === null) return null;
  const { provider } = entry;
  const own = keys.filter((key) => key.provider === provider);
  if (own.length === 0) return `no key of yours for ${provider}`;
  const active = own.filter(({ status }) => status === "active");
  if (active.length === 0) return `your key for ${provider} is not active`;
  return active.some((key) => isFor(key, entry.model))
    ? null
    : `your key for ${provider} is not for this model`;
}

function isFor({ provider, models_allowed: only }: Key, model: string): boolean {
  return only.length === 0 || only.includes(model) || only.includes(`${provider}/${model}`);
}

/** Where the manifest lists nothing that an active key may call, the key's own list stands in for it. */
function ownModels(listed: readonly { provider: string; model: string }[], keys: readonly Key[]): ModelNow[] {
  return keys
    .filter(({ status }) => status === "active")
    .filter((key) => !listed.some(({ provider, model }) => provider === key.provider && isFor(key, model)))
    .flatMap(({ provider, models_allowed: only }) =>
      only.map((name) => ({
        provider,
        model: name.startsWith(`${provider}/`) ? name.slice(provider.length + 1) : name,
        tried: "perhaps" as const,
        why: "of your key's own list; tried where it has a price",
      })),
    );
}
