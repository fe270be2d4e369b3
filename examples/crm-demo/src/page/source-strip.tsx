import { desk } from "../crm/desk.ts";
import { isSimulated, type Model, pricedModels } from "../requests/models.ts";
import { useStore } from "../store.ts";

/** Says who answers here. It keeps its room while that is not known yet, so that nothing moves when it is. */
export function SourceStrip({ models }: { models: readonly Model[] | undefined }) {
  const drafts = useStore(desk).drafts;
  const answered = Object.values(drafts).some((draft) => draft.modelfaucet?.simulated);
  if (answered || isSimulated(models ?? [])) {
    return (
      <p className="strip simulated" data-testid="simulated">
        <span>Simulated: no AI model answered and no real money moved.</span>
        <span className="strip-hint">
          Set <code>OPENAI_API_KEY</code> and start again to connect a real one.
        </span>
      </p>
    );
  }
  const providers = [...new Set(pricedModels(models ?? []).map((model) => model.owned_by))];
  return (
    <p className="strip">
      {providers.length > 0
        ? `Answers come from ${providers.join(" and ")} and are charged to your credits.`
        : "\u00a0"}
    </p>
  );
}
