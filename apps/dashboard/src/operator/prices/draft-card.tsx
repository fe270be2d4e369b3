import type { importPrices } from "@modelfaucet/contract/routes/platform.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button, buttonClass } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { TextField } from "../../ui/field.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import type { PriceListText } from "./price-list.ts";
import { VersionChip } from "./price-words.tsx";
import { forgetPrices, type PriceChange } from "./prices-queries.ts";
import { PublishDialog } from "./publish-dialog.tsx";

type Wanted = { reason: string; effective_at?: string };

/** Keeps a compared list as a draft, and publishes the draft. */
export function DraftCard({ list }: { list: PriceListText }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const [time, setTime] = useState("");
  const [publishing, setPublishing] = useState(false);
  const [published, setPublished] = useState<PriceChange | null>(null);
  const draft = useMutation<PriceChange, Problem, Wanted>({
    mutationFn: (wanted) =>
      call<typeof importPrices>("POST", "/v1/admin/price-book/import", {
        body: { source: list.format, entries: [...list.entries], ...wanted },
      }),
    onSuccess: () => forgetPrices(queryClient),
  });
  const effectiveAt = time === "" ? undefined : new Date(time).toISOString();
  const version = draft.data?.version;
  if (published) return <Published change={published} effectiveAt={effectiveAt} />;
  if (version !== undefined) {
    return (
      <Card title={`Version ${version}`} aside={<VersionChip status="draft" />}>
        <div className="flex flex-wrap items-center gap-3 border-t border-line p-4">
          <p className="mr-auto">It is kept as a draft. Nothing of it is in force.</p>
          <Button look="primary" onClick={() => setPublishing(true)}>
            Publish version {version}
          </Button>
        </div>
        {publishing && (
          <PublishDialog
            version={version}
            effectiveAt={effectiveAt}
            reason={reason.trim()}
            close={() => setPublishing(false)}
            done={setPublished}
          />
        )}
      </Card>
    );
  }
  const faults = faultsOf(draft.error, ["reason", "effective_at"]);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    draft.mutate({
      reason: reason.trim(),
      ...(effectiveAt === undefined ? {} : { effective_at: effectiveAt }),
    });
  };
  return (
    <Card title="Keep it as a draft" note="not in force before it is published">
      <form onSubmit={onSubmit} className="grid gap-4 border-t border-line p-4">
        <div className="grid grid-cols-[minmax(0,2fr)_minmax(0,1fr)] gap-4 max-sm:grid-cols-1">
          <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
          <TextField
            label="In force from, your time"
            type="datetime-local"
            value={time}
            hint="empty: from its publication on"
            fault={faults.of.get("effective_at")}
            onChange={(event) => setTime(event.target.value)}
          />
        </div>
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div>
          <Button type="submit" look="primary" disabled={draft.isPending}>
            {draft.isPending ? "Keeping…" : "Make draft"}
          </Button>
        </div>
      </form>
    </Card>
  );
}

function Published({ change, effectiveAt }: { change: PriceChange; effectiveAt: string | undefined }) {
  return (
    <Card title={`Version ${change.version}`} aside={<VersionChip status={change.status} />}>
      <div className="flex flex-wrap items-center gap-3 border-t border-line p-4">
        <p className="mr-auto" role="status">
          {change.status === "scheduled" && effectiveAt !== undefined ? (
            <>
              It is published and comes into force <FullMoment at={effectiveAt} />.
            </>
          ) : (
            "It is in force on every instance."
          )}
        </p>
        <Link to="/operator/prices" className={buttonClass("primary")}>
          See the prices in force
        </Link>
      </div>
    </Card>
  );
}
