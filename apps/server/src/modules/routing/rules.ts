/** One way to serve a request: a model of a provider, in the order in which it may be tried. */
export type PlannedRoute<Price> = {
  provider: string;
  model: string;
  price: Price;
  /** Non-price fields that the feature adds to the body. */
  options: Readonly<Record<string, unknown>>;
  maxOutputTokens: number;
};

/** A model as a feature lists it. */
export type ListedModel = {
  provider: string;
  model: string;
  maxOutputTokens?: number | undefined;
  options?: Readonly<Record<string, unknown>> | undefined;
  /** Who may pay for it; absent: whoever the feature lets pay. */
  routes?: readonly string[] | undefined;
  /** What its developer thinks of it, 0..100. */
  quality?: number | undefined;
};

/** Whether a model can do what a feature requires, by the capability table of the price book. */
export function suffices(
  model: { capabilities: readonly string[] },
  entry: Pick<ListedModel, "quality">,
  policy: { requires: readonly string[]; min_quality: number },
): boolean {
  return (
    (entry.quality ?? 0) >= policy.min_quality &&
    policy.requires.every((wanted) => model.capabilities.includes(wanted))
  );
}

/**
 * Reads the request's `model` as far as it can be read without the feature: `auto:<feature>` stands for the feature's
 * own list; anything else names one of its models, bare or as `provider/model`.
 */
export function aliasOf(model: string): string | null {
  return model.startsWith("auto:") ? model.slice(5) : null;
}

/** Which of a feature's models a name means: whole as a bare name first, since names contain slashes too. */
export function listedUnder(name: string, listed: readonly ListedModel[]): ListedModel[] {
  const bare = listed.filter((entry) => entry.model === name);
  if (bare.length > 0) return bare;
  return listed.filter((entry) => `${entry.provider}/${entry.model}` === name);
}

/** Whether an answer's model name is the asked one, or a dated snapshot of it. */
export function isSameModel(asked: string, answered: string): boolean {
  const bare = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
  if (asked === answered || bare(asked) === bare(answered)) return true;
  return (
    bare(answered).startsWith(`${bare(asked)}-`) &&
    /^-(\d{4}-\d{2}-\d{2}|\d{8}|\d{4})$/.test(bare(answered).slice(bare(asked).length))
  );
}
