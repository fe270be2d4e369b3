import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import type { Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type Maxima, type MaximaPatch, maximaNames, maximaPatchOf, textsOf } from "./maxima.ts";

const labels = {
  max_markup_percent: "Markup at most, %",
  max_developer_share_bps: "Share of the margin at most, %",
  max_fee_usd: "Fee a request at most, USD",
} as const;

/** What manifests may ask for: looked at, changed, and saved with a reason. */
export function MaximaCard({
  maxima,
  above,
  inherited = {},
  mayWrite,
  save,
}: {
  maxima: Maxima;
  /** What holds where a field is empty: in words, and as far as it is known. */
  above: string;
  inherited?: Maxima | undefined;
  mayWrite: boolean;
  save: (limits: MaximaPatch, reason: string) => Promise<unknown>;
}) {
  const [texts, setTexts] = useState(() => textsOf(maxima));
  const [reason, setReason] = useState("");
  const patch = maximaPatchOf(maxima, texts);
  const changes = Object.keys(patch).length;
  const saving = useMutation<unknown, Problem>({ mutationFn: () => save(patch, reason.trim()) });
  const faults = faultsOf(saving.error, [...maximaNames.map((name) => `limits.${name}`), "reason"]);
  return (
    <Card title="What its manifests may ask for" note="in force for new requests within two seconds">
      <form
        className="border-t border-line"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          saving.mutate();
        }}
      >
        <fieldset
          disabled={!mayWrite}
          className="grid grid-cols-[repeat(auto-fill,minmax(210px,1fr))] gap-4 px-4 py-4"
        >
          <legend className="sr-only">Limits</legend>
          {maximaNames.map((name) => (
            <TextField
              key={name}
              label={labels[name]}
              hint={`empty: ${above}`}
              placeholder={textsOf(inherited)[name]}
              inputMode="decimal"
              autoComplete="off"
              value={texts[name]}
              fault={faults.of.get(`limits.${name}`)}
              onChange={({ target }) => setTexts({ ...texts, [name]: target.value })}
            />
          ))}
        </fieldset>
        {(changes > 0 || saving.error) && (
          <div className="grid gap-3 border-t border-line px-4 py-4">
            {faults.rest && <ProblemNotice trouble={faults.rest} />}
            <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
            <div className="flex flex-wrap gap-2">
              <Button type="submit" look="primary" disabled={saving.isPending || changes === 0}>
                {saving.isPending ? "Saving…" : `Save ${changes} ${changes === 1 ? "change" : "changes"}`}
              </Button>
              <Button onClick={() => setTexts(textsOf(maxima))}>Take back</Button>
            </div>
          </div>
        )}
      </form>
    </Card>
  );
}
