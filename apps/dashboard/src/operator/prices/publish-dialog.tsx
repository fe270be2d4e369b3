import type { publishPrices } from "@modelfaucet/contract/routes/platform.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call, Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { plural, showCount } from "../../format/count.ts";
import { showMinute } from "../../format/time.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { Table, Td, Th } from "../../ui/table.tsx";
import { ReasonField } from "../reason-field.tsx";
import { changeWords, Price, rowUnitWords } from "./price-words.tsx";
import { forgetPrices, type PriceChange } from "./prices-queries.ts";

/**
 * Puts a draft in force. Where prices change by more than the bound, the server refuses with the list of them; it is
 * shown, and only a tick publishes after that.
 */
export function PublishDialog({
  version,
  effectiveAt,
  reason: givenReason = "",
  close,
  done,
}: {
  version: number;
  effectiveAt: string | undefined;
  reason?: string;
  close: () => void;
  done?: (change: PriceChange) => void;
}) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState(givenReason);
  const [accepted, setAccepted] = useState(false);
  const publish = useMutation<PriceChange, Problem, { reason: string; accept_large_changes?: true }>({
    mutationFn: (body) =>
      call<typeof publishPrices>("POST", "/v1/admin/price-book/versions/:version/publish", {
        params: { version: String(version) },
        body,
      }),
    onSuccess: async (change) => {
      await forgetPrices(queryClient);
      close();
      done?.(change);
    },
  });
  const large = useLastOf(largeChangesIn(publish.error));
  const faults = faultsOf(publish.error, ["reason"]);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    publish.mutate({ reason: reason.trim(), ...(large && accepted ? { accept_large_changes: true } : {}) });
  };
  return (
    <Dialog title={`Publish version ${version}?`} close={close} wide={large !== null}>
      <form onSubmit={onSubmit} className="grid gap-4">
        <p>
          {effectiveAt === undefined
            ? "Within two seconds every instance charges by it."
            : `From ${showMinute(effectiveAt)} on every instance charges by it.`}{" "}
          Requests already made keep their version. To undo it, import the former prices and publish them.
        </p>
        {large && <LargeChanges large={large} accepted={accepted} accept={setAccepted} />}
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && largeChangesIn(publish.error) === null && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Not now</Button>
          <Button type="submit" look="primary" disabled={publish.isPending || (large !== null && !accepted)}>
            {publish.isPending ? "Publishing…" : `Publish version ${version}`}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

type LargeChange = {
  provider: string;
  model: string;
  unit: string;
  above_input_tokens?: number;
  before_usd: string;
  after_usd: string;
  change_percent?: number;
};
type Large = { count: number; changes: readonly LargeChange[] };

function LargeChanges({
  large,
  accepted,
  accept,
}: {
  large: Large;
  accepted: boolean;
  accept: (accepted: boolean) => void;
}) {
  const { count, changes } = large;
  return (
    <div className="grid gap-3 rounded-sm bg-warn-weak p-3" role="alert">
      <p className="text-sm">
        Not published yet: {plural(count, "price")} {count === 1 ? "changes" : "change"} by more than 50 %, to
        0 or from 0.
      </p>
      <div className="max-h-72 overflow-auto rounded-sm border border-line bg-surface">
        <Table
          label="Large changes"
          head={
            <>
              <Th wide>Model</Th>
              <Th className="max-sm:hidden">Price</Th>
              <Th right>Before</Th>
              <Th right>After</Th>
              <Th right>Change</Th>
            </>
          }
        >
          {changes.map((change) => (
            <tr key={`${change.provider}/${change.model} ${change.unit} ${change.above_input_tokens ?? 0}`}>
              <Td wide>
                <span title={`${change.provider}/${change.model}`}>{change.model}</span>
                <span className="block text-xs text-muted sm:hidden">{unitOf(change)}</span>
              </Td>
              <Td className="text-muted max-sm:hidden">{unitOf(change)}</Td>
              <Td right>
                <Price usd={change.before_usd} />
              </Td>
              <Td right>
                <Price usd={change.after_usd} />
              </Td>
              <Td right className="font-medium">
                {changeWords(change)}
              </Td>
            </tr>
          ))}
        </Table>
        {changes.length < count && (
          <p className="border-t border-line px-4 py-2 text-xs text-muted">
            and {showCount(count - changes.length)} more
          </p>
        )}
      </div>
      <label className="flex items-center gap-2 text-sm">
        <input
          type="checkbox"
          className="size-4 accent-(--accent)"
          checked={accepted}
          onChange={(event) => accept(event.target.checked)}
        />
        I have looked at them and want {count === 1 ? "it" : `all ${showCount(count)}`}
      </label>
    </div>
  );
}

function unitOf({ unit, above_input_tokens: above }: LargeChange): string {
  return rowUnitWords(above === undefined ? unit : `${unit} above ${above}`);
}

function largeChangesIn(error: Problem | null): Large | null {
  if (!(error instanceof Problem) || error.status !== 409 || error.details.reason !== "large_changes")
    return null;
  const changes = Array.isArray(error.details.changes) ? (error.details.changes as LargeChange[]) : [];
  return { count: Number(error.details.count ?? changes.length), changes };
}

/** The last value that was not `null`: what was refused stays in sight while it is sent again. */
function useLastOf<T>(value: T | null): T | null {
  const [last, setLast] = useState<T | null>(null);
  const [seen, setSeen] = useState<string>("");
  const text = JSON.stringify(value);
  if (value !== null && text !== seen) {
    setSeen(text);
    setLast(value);
  }
  return last;
}
