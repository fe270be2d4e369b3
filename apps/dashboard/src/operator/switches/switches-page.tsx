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
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { LiftDialog } from "./lift-dialog.tsx";
import { type SwitchesSearch, switchesSearch, switchStates, switchTargets } from "./search.ts";
import { SetSwitchDialog } from "./set-switch-dialog.tsx";
import { SwitchTable } from "./switch-table.tsx";
import { type SwitchItem, switchesQuery } from "./switches-query.ts";
import { targetWords } from "./words.tsx";

/** What is switched off or throttled, by whom and why, and on how many instances that holds. */
export function SwitchesPage() {
  const search = useSearch({ from: "/console/operator/switches" });
  const navigate = useNavigate({ from: "/operator/switches" });
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState<"set" | SwitchItem | null>(null);
  const query = useQuery(switchesQuery(search));
  const mayWrite = may(session, "operator:switches");
  const filter = (next: SwitchesSearch) =>
    void navigate({ search: { ...search, cursor: undefined, ...next } });
  const clear = () => void navigate({ search: {} });
  return (
    <>
      <title>Switches · ModelFaucet</title>
      <PageHead title="Switches" note="In force everywhere within two seconds; open streams are cut.">
        {mayWrite && (
          <Button look="primary" onClick={() => setOpened("set")}>
            Set switch
          </Button>
        )}
      </PageHead>
      <Filters search={search} filter={filter} clear={clear} />
      <Card title="Newest change first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={4} />}>
          {({ items, next_cursor: next }) => (
            <div className={classNames(query.isPlaceholderData && "opacity-60")}>
              {items.length === 0 ? (
                <NoSwitches search={search} clear={clear} />
              ) : (
                <SwitchTable items={items} mayWrite={mayWrite} lift={setOpened} />
              )}
              <Pages
                newest={search.cursor === undefined}
                next={next}
                toNewest={() => filter({})}
                older={(cursor) => void navigate({ search: { ...search, cursor } })}
              />
            </div>
          )}
        </Answer>
      </Card>
      {opened === "set" && <SetSwitchDialog target={null} close={() => setOpened(null)} />}
      {opened !== null && opened !== "set" && <LiftDialog item={opened} close={() => setOpened(null)} />}
    </>
  );
}

function Filters({
  search,
  filter,
  clear,
}: {
  search: SwitchesSearch;
  filter: (next: SwitchesSearch) => void;
  clear: () => void;
}) {
  const { type, target, state } = search;
  return (
    <div className="mb-5 flex flex-wrap items-start gap-3">
      <SelectField
        label="State"
        className="w-36 max-sm:w-[calc(50%-6px)]"
        value={state ?? ""}
        onChange={(event) => filter({ state: switchStates.find((each) => each === event.target.value) })}
      >
        <option value="">Any</option>
        <option value="off">Off</option>
        <option value="throttled">Throttled</option>
        <option value="on">Lifted</option>
      </SelectField>
      <SelectField
        label="What"
        className="w-40 max-sm:w-[calc(50%-6px)]"
        value={type ?? ""}
        onChange={(event) =>
          filter({ type: switchTargets.find((each) => each === event.target.value), target: undefined })
        }
      >
        <option value="">Anything</option>
        {switchTargets.map((each) => (
          <option key={each} value={each}>
            {targetWords[each].word}
          </option>
        ))}
      </SelectField>
      {type !== undefined && type !== "platform" && (
        <TypedFilter
          key={type}
          label={targetWords[type].target}
          data-search=""
          className="w-80 max-sm:w-full"
          value={target ?? ""}
          accepts={(text) => text === "" || switchesSearch({ type, target: text }).target !== undefined}
          apply={(text) => filter({ target: text || undefined })}
        />
      )}
      {(type !== undefined || state !== undefined) && (
        <Button look="quiet" className="mt-5" onClick={clear}>
          Clear filters
        </Button>
      )}
    </div>
  );
}

function NoSwitches({ search, clear }: { search: SwitchesSearch; clear: () => void }) {
  if (search.type !== undefined || search.state !== undefined) {
    return (
      <Empty title="No switch is like that">
        <Button onClick={clear}>Show every switch</Button>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing is switched off">
      A developer, an app, a feature, an end user, a wallet, a session, a token, a key, a provider, or
      everything: off or throttled, with a reason and an end where you name one.
    </Empty>
  );
}
