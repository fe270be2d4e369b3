import type { importPrices } from "@modelfaucet/contract/routes/platform.ts";
import { useMutation } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { call, Problem } from "../../api/call.ts";
import { plural } from "../../format/count.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { DiffCard } from "./diff-card.tsx";
import { DraftCard } from "./draft-card.tsx";
import { ListInput } from "./list-input.tsx";
import { faultsAtLines, type ListFormat, type PriceListText, readPriceList } from "./price-list.ts";
import type { PriceChange } from "./prices-queries.ts";

/** From a price list to a version in force: what it would change, then a draft, then its publication. */
export function ImportPage() {
  const [text, setText] = useState("");
  const [leaveOut, setLeaveOut] = useState(false);
  const list = useMemo(
    () => (text.trim() === "" ? null : readPriceList(text, { leaveOutFaulty: leaveOut })),
    [text, leaveOut],
  );
  const compare = useMutation<Compared, Problem, PriceListText>({
    mutationFn: async (wanted) => ({
      list: wanted,
      change: await call<typeof importPrices>("POST", "/v1/admin/price-book/import", {
        body: {
          source: wanted.format,
          entries: [...wanted.entries],
          dry_run: true,
          reason: "compared in the console",
        },
      }),
    }),
  });
  const compared = compare.data?.list === list ? compare.data : undefined;
  const judged = compare.variables === list ? compare.error : null;
  const found = list && judged ? faultsAtLines(issuesOf(judged), list) : null;
  const faults = list === null ? [] : list.faults.length > 0 ? list.faults : (found ?? []);
  const change = (next: string) => {
    setText(next);
    setLeaveOut(false);
  };
  return (
    <>
      <title>Import prices · ModelFaucet</title>
      <nav aria-label="Path" className="mb-4 flex items-center gap-2 text-sm text-muted">
        <Link to="/operator/prices" data-up="" className="link">
          Price book
        </Link>
        <span className="text-faint">/</span>
        <span>Import</span>
      </nav>
      <PageHead title="Import prices" note="Nothing is in force before you publish it." />
      <div className="grid gap-5">
        <Card title="Price list" {...(list ? { note: listWords(list) } : {})}>
          <div className="grid gap-4 border-t border-line p-4">
            <ListInput text={text} faults={faults} change={change} />
            {list && list.skippable.length > 0 && (
              <label className="flex items-center gap-2 text-sm">
                <input
                  type="checkbox"
                  className="size-4 accent-(--accent)"
                  checked={leaveOut}
                  onChange={(event) => setLeaveOut(event.target.checked)}
                />
                Leave out what cannot be used ({plural(list.skippable.length, "fault")})
              </label>
            )}
            {judged && found === null && <ProblemNotice trouble={judged} />}
            <div className="flex flex-wrap items-center gap-3">
              <Button
                look={compared ? "plain" : "primary"}
                disabled={list === null || faults.length > 0 || compare.isPending}
                onClick={() => list && compare.mutate(list)}
              >
                {compare.isPending ? "Comparing…" : "Compare with the prices in force"}
              </Button>
              <span className="text-sm text-muted">Writes nothing.</span>
            </div>
          </div>
        </Card>
        {compared && (
          <>
            <DiffCard change={compared.change} entries={compared.list.entries} notes={compared.list.notes} />
            <DraftCard key={text} list={compared.list} />
          </>
        )}
      </div>
    </>
  );
}

type Compared = { list: PriceListText; change: PriceChange };

const formatWords: Record<ListFormat, string> = {
  csv: "CSV",
  litellm: "LiteLLM's list",
  entries: "entries",
};

function listWords({ format, entries, faults }: PriceListText): string {
  return faults.length > 0
    ? `${formatWords[format]} · ${plural(faults.length, "fault")}`
    : `${formatWords[format]} · ${plural(entries.length, "model")}`;
}

function issuesOf(error: Problem): { param: string; message: string }[] {
  if (!(error instanceof Problem) || !Array.isArray(error.details.issues))
    return [{ param: "", message: "" }];
  return error.details.issues as { param: string; message: string }[];
}
