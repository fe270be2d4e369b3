import type { FaucetModelfaucet, FaucetTokenUsage } from "@modelfaucet/sdk";
import { type ReactNode, useSyncExternalStore } from "react";
import { useFaucetContext } from "../provider.tsx";
import { useResource } from "../stores/resource.ts";
import { rootClass } from "./class-names.ts";
import { answerNotes, modeName } from "./payer.ts";

export type FaucetUsageProps = {
  /** An answer of the client. Absent: the latest one of this provider. */
  result?: { modelfaucet: FaucetModelfaucet; usage?: FaucetTokenUsage | undefined };
  className?: string;
};

/** What one answer was made of, and who paid how much for it. */
export function FaucetUsage({ result, className }: FaucetUsageProps) {
  const { root, stores, text, format } = useFaucetContext();
  const latest = useSyncExternalStore(stores.latest.subscribe, stores.latest.get, () => null);
  const app = useResource(stores.app).value?.name;
  const paid = result?.modelfaucet ?? latest;
  if (!paid) {
    return (
      <section className={rootClass("mf-usage", className)} {...root}>
        <p className="mf-note">{text("usage.none")}</p>
      </section>
    );
  }
  const usage = result?.usage;
  const rows: [string, ReactNode][] = [
    [text("usage.request"), <code key="id">{paid.request_id}</code>],
    [text("usage.route"), `${paid.route_mode} · ${paid.provider}`],
    [text("usage.model"), paid.model],
    [text("usage.tokens"), usage ? tokens(usage) : "–"],
    [text("usage.report"), report(paid)],
    [text("usage.charge"), format.usd(paid.charge_usd)],
    [text("usage.fee"), format.usd(paid.fee_usd)],
    [text("usage.payer"), modeName(paid.route_mode, text)],
    [text("usage.receipt"), paid.receipt_id ? <code key="receipt">{paid.receipt_id}</code> : "–"],
  ];
  function tokens({ prompt_tokens: input, completion_tokens: output }: FaucetTokenUsage) {
    return text("usage.tokens.value", { input: format.count(input), output: format.count(output) });
  }
  function report({ usage_report_status: status, usage_source: source }: FaucetModelfaucet) {
    if (status !== undefined) return text(`usage.report.${status}`);
    return text(source === "estimated" ? "usage.report.estimated" : "usage.report.provider");
  }
  return (
    <section className={rootClass("mf-usage", className)} {...root} aria-label={text("usage.title")}>
      <dl className="mf-rows">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {answerNotes(paid, { app, text, format }).map((note) => (
        <p key={note} className="mf-note">
          {note}
        </p>
      ))}
    </section>
  );
}
