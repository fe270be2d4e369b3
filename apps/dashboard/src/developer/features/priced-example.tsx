import { showCount } from "../../format/count.ts";
import { Card } from "../../ui/card.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { payerWords } from "../requests/words.tsx";
import type { Judgement } from "./judgement-query.ts";

/** What a request would cost under the manifest that is being written, for each model that it may use. */
export function PricedExample({
  judgement,
  judging,
  faulty,
}: {
  judgement: Judgement | undefined;
  judging: boolean;
  /** The manifest has a fault now: the example is of the last one without. */
  faulty: boolean;
}) {
  const example = judgement?.example;
  return (
    <Card
      title="An example"
      {...(judging ? { note: "asking…" } : faulty ? { note: "before the fault" } : {})}
    >
      {example === undefined ? (
        <p className="border-t border-line px-4 py-4 text-sm text-muted">
          {judgement === undefined
            ? "It is priced in a moment."
            : "It is priced again when the manifest has no fault."}
        </p>
      ) : (
        <>
          <p className="border-t border-line px-4 py-3 text-sm text-muted">
            A request of <span className="num">{showCount(example.input_tokens)}</span> tokens in and{" "}
            <span className="num">{showCount(example.output_tokens)}</span> out, at the prices in force now
          </p>
          {example.items.length === 0 && (
            <p className="border-t border-line px-4 py-4 text-sm text-warn">
              No model of it has a price: it would be refused.
            </p>
          )}
          <ol>
            {example.items.map((item) => (
              <li
                key={`${item.route_mode} ${item.provider} ${item.model}`}
                className="border-t border-line px-4 py-3"
              >
                <p className="truncate text-sm" title={`${item.provider} / ${item.model}`}>
                  {item.model} <span className="text-muted">by {item.provider}</span>
                </p>
                <p className="text-xs text-muted">{payerWords[item.route_mode]}</p>
                <dl className="mt-1 grid grid-cols-[1fr_auto] text-sm">
                  <Part name="Upstream cost" usd={item.upstream_cost_usd} />
                  <Part name="+ your share" usd={item.developer_share_usd} />
                  <Part name="+ platform share" usd={item.platform_share_usd} />
                  <Part name="The user pays" usd={item.charge_usd} strong />
                </dl>
              </li>
            ))}
          </ol>
        </>
      )}
      {judgement !== undefined && judgement.warnings.length > 0 && (
        <ul className="grid gap-1 border-t border-line px-4 py-3 text-sm text-warn">
          {judgement.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function Part({ name, usd, strong = false }: { name: string; usd: string; strong?: boolean }) {
  const look = strong ? "mt-1 border-t border-line pt-1 font-semibold" : "";
  return (
    <>
      <dt className={look}>{name}</dt>
      <dd className={`${look} pl-3 text-right`}>
        <ExactMoney usd={usd} />
      </dd>
    </>
  );
}
