import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { Empty } from "../../ui/empty.tsx";
import { SelectField } from "../../ui/field.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { type LimitsSearch, limitLevels, limitsSearch } from "../search.ts";
import { ClearLimitDialog } from "./clear-limit-dialog.tsx";
import { LimitTable } from "./limit-table.tsx";
import { type LimitItem, limitsQuery } from "./limits-query.ts";
import { SetLimitDialog } from "./set-limit-dialog.tsx";
import { levelWords } from "./words.ts";

type Opened = { act: "set"; limit: LimitItem | null } | { act: "clear"; limit: LimitItem };

/** What operators allow at most, on any level: looked at, set and cleared. */
export function LimitsPage() {
  const search = useSearch({ from: "/console/operator/limits" });
  const navigate = useNavigate({ from: "/operator/limits" });
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState<Opened | null>(null);
  const query = useQuery(limitsQuery(search));
  const mayWrite = may(session, "operator:platform");
  const set = () => setOpened({ act: "set", limit: null });
  return (
    <>
      <title>Limits · ModelFaucet</title>
      <PageHead title="Limits">
        {mayWrite && (
          <Button look="primary" onClick={set}>
            Set limit
          </Button>
        )}
      </PageHead>
      <LimitFilters search={search} filter={(next) => void navigate({ search: next })} />
      <Card
        title={search.target === undefined ? "Set by operators" : "Set by anybody"}
        note={query.isPlaceholderData ? "reading…" : "the strictest of all that apply holds"}
      >
        <Answer query={query} skeleton={<Skeleton rows={4} />}>
          {({ items }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoLimits search={search} clear={() => void navigate({ search: {} })} />
              ) : (
                <LimitTable
                  limits={items}
                  mayWrite={mayWrite}
                  change={(limit) => setOpened({ act: "set", limit })}
                  clear={(limit) => setOpened({ act: "clear", limit })}
                />
              )}
            </div>
          )}
        </Answer>
      </Card>
      {opened?.act === "set" && (
        <SetLimitDialog limit={opened.limit} search={search} close={() => setOpened(null)} />
      )}
      {opened?.act === "clear" && <ClearLimitDialog limit={opened.limit} close={() => setOpened(null)} />}
    </>
  );
}

function LimitFilters({ search, filter }: { search: LimitsSearch; filter: (next: LimitsSearch) => void }) {
  const { level, target } = search;
  return (
    <div className="mb-5 flex flex-wrap items-start gap-3">
      <SelectField
        label="Level"
        className="w-36 max-sm:w-full"
        value={level ?? ""}
        onChange={(event) => filter({ level: limitLevels.find((each) => each === event.target.value) })}
      >
        <option value="">Any</option>
        {limitLevels.map((each) => (
          <option key={each} value={each}>
            {levelWords[each].word}
          </option>
        ))}
      </SelectField>
      {level !== undefined && level !== "platform" && (
        <TypedFilter
          key={level}
          label={levelWords[level].target}
          data-search=""
          className="w-80 max-sm:w-full"
          value={target ?? ""}
          accepts={(text) => text === "" || limitsSearch({ level, target: text }).target !== undefined}
          apply={(text) => filter({ level, target: text || undefined })}
        />
      )}
      {level !== undefined && (
        <Button look="quiet" className="mt-5" onClick={() => filter({})}>
          Clear filters
        </Button>
      )}
    </div>
  );
}

function NoLimits({ search, clear }: { search: LimitsSearch; clear: () => void }) {
  if (search.level === undefined) {
    return (
      <Empty title="No limit of yours yet">
        Spending a day, week, month or ever, requests and tokens a minute, requests at once: on everything, a
        developer, an app, a feature, an end user or a session. A refused request costs nothing and names the
        limit.
      </Empty>
    );
  }
  return (
    <Empty title="None on that">
      <Button onClick={clear}>Show every limit</Button>
    </Empty>
  );
}
