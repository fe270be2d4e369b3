import { useQuery } from "@tanstack/react-query";
import { Link, useRouteContext } from "@tanstack/react-router";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { Cross, Tick } from "../../ui/icons.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { appQuery, type FeatureItem } from "../apps/apps-query.ts";
import { keysQuery } from "../keys/keys-queries.ts";
import { PayerChip } from "../requests/words.tsx";
import { judgementQuery } from "./judgement-query.ts";
import { type PayerNow, payersNow } from "./payers-now.ts";

/** What a request of this feature would try now, payer by payer, and why not. */
export function RoutesCard({ appId, feature }: { appId: string; feature: FeatureItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const { policy, pricing } = feature;
  const judged = useQuery(judgementQuery(appId, { policy, pricing }));
  const mayReadKeys = may(session, "developer:provider_keys:read");
  const keys = useQuery({ ...keysQuery({ app: appId }), enabled: mayReadKeys });
  const app = useQuery({ ...appQuery(appId), enabled: may(session, "developer:apps:read") });
  const refused = refusalOf(app.data?.status, feature.status);
  return (
    <Card
      className="mt-5"
      title="What would be tried now"
      note="of the manifest in force"
      aside={
        mayReadKeys && (
          <Link to="/keys" search={{ app: appId }} className="link text-sm">
            Provider keys
          </Link>
        )
      }
    >
      {refused && <p className="border-t border-line bg-bad-weak px-4 py-3 text-sm">{refused}</p>}
      <Answer query={judged} skeleton={<Skeleton rows={3} />}>
        {({ example }) => (
          <ol>
            {payersNow(
              feature.effective.policy,
              example?.items ?? [],
              mayReadKeys ? (keys.data?.items ?? null) : null,
            ).map((payer, index) => (
              <Payer key={payer.mode} payer={payer} place={index + 1} />
            ))}
          </ol>
        )}
      </Answer>
      <p className="border-t border-line px-4 py-3 text-sm text-muted">
        {feature.effective.policy.model_policy === "cheapest_sufficient"
          ? "Within a payer the cheapest model that suffices is asked first. "
          : "Within a payer the models are asked in this order. "}
        {feature.effective.policy.fallback_to_platform
          ? "Where your key fails, credits pay instead. "
          : "The payer never changes by itself: a user's key or computer falls back to credits only where that user said so. "}
        Limits, balances and failing vendors are judged when a call comes.
      </p>
    </Card>
  );
}

function Payer({ payer: { mode, models, says }, place }: { payer: PayerNow; place: number }) {
  return (
    <li className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-3 border-t border-line px-4 py-3">
      <span className="num text-muted">{place}</span>
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
          <PayerChip mode={mode} />
          <span className="text-sm text-muted">{says}</span>
        </p>
        {models.length > 0 && (
          <ul className="mt-2 grid gap-1 text-sm">
            {models.map(({ provider, model, tried, why }) => (
              <li key={`${provider} ${model}`} className="flex items-baseline gap-2">
                <span className={tones[tried]}>
                  {tried === "no" ? <Cross label="not tried" /> : <Tick label={words[tried]} />}
                </span>
                <span className="min-w-0 [overflow-wrap:anywhere]">
                  {model} <span className="text-muted">by {provider}</span>
                  {why !== null && <span className={tones[tried]}> · {why}</span>}
                </span>
              </li>
            ))}
          </ul>
        )}
        {models.length === 0 && mode !== "local" && (
          <p className="mt-2 text-sm text-bad">No model of the manifest is for this payer.</p>
        )}
      </div>
    </li>
  );
}

const words = { yes: "tried", perhaps: "perhaps tried" } as const;
const tones = { yes: "text-good", perhaps: "text-warn", no: "text-bad" } as const;

function refusalOf(app: string | undefined, feature: FeatureItem["status"]): string | null {
  if (feature === "suspended") return "The operator suspended this feature: nothing of this is tried.";
  if (app === "suspended") return "The operator suspended the app: nothing of this is tried.";
  if (app === "disabled") return "You disabled the app: nothing of this is tried.";
  return null;
}
