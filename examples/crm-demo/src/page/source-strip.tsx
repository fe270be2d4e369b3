import { useModes } from "@modelfaucet/react";
import { desk } from "../crm/desk.ts";
import { featureKey } from "../faucet.ts";
import { isSimulated, type Model, pricedModels } from "../requests/models.ts";
import { useStore } from "../store.ts";

/** Says who answers here. It keeps its room while that is not known yet, so that nothing moves when it is. */
export function SourceStrip({ models }: { models: readonly Model[] | undefined }) {
  const { payer } = useModes(featureKey);
  const drafts = useStore(desk).drafts;
  const answered = Object.values(drafts).some((draft) => draft.modelfaucet?.simulated);
  const isOwn = payer?.mode === "byok" || payer?.mode === "local";
  if (answered || (isSimulated(models ?? []) && !isOwn)) {
    return (
      <p className="strip simulated" data-testid="simulated">
        <span>Simulated: no AI model answered and no real money moved.</span>
        <span className="strip-hint">
          Add a key of your own, or set <code>OPENAI_API_KEY</code> and start again.
        </span>
      </p>
    );
  }
  return <p className="strip">{sourceOf(payer?.mode, models ?? [])}</p>;
}

function sourceOf(mode: string | undefined, models: readonly Model[]): string {
  if (mode === "byok") return "Answers come from your own provider, which bills you for them.";
  if (mode === "local") return "Answers come from your own computer; only counts leave it.";
  const providers = [...new Set(pricedModels(models).map((model) => model.owned_by))];
  return providers.length > 0
    ? `Answers come from ${providers.join(" and ")} and are charged to your credits.`
    : "\u00a0";
}
