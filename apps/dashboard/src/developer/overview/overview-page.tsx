import type { readDeveloper } from "@modelfaucet/contract/routes/developer.ts";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { read } from "../../api/read.ts";
import { periodOf } from "../../format/period.ts";
import { SelectField } from "../../ui/field.tsx";
import { useNow } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { PeriodPicker } from "../../ui/period-picker.tsx";
import { appsQuery } from "../apps/apps-query.ts";
import type { OverviewSearch } from "../search.ts";
import { Attention } from "./attention.tsx";
import { Charts } from "./charts.tsx";
import { LatestRequests } from "./latest-requests.tsx";
import { Numbers } from "./numbers.tsx";

/** How it goes: four numbers against the period before, two charts, what needs attention, the latest requests. */
export function OverviewPage() {
  const search = useSearch({ from: "/console/" });
  const navigate = useNavigate({ from: "/" });
  const period = periodOf(search, useNow());
  const change = (next: OverviewSearch) => void navigate({ search: { ...search, ...next } });
  return (
    <>
      <title>Overview · ModelFaucet</title>
      <PageHead title="Overview" note={<DeveloperName />}>
        <AppChoice chosen={search.app} choose={(app) => change({ app })} />
        <PeriodPicker search={search} change={change} />
      </PageHead>
      <div className="grid gap-5">
        <Numbers search={search} period={period} />
        <div className="grid grid-cols-2 items-start gap-5 max-xl:grid-cols-1">
          <Charts search={search} period={period} />
        </div>
        <div className="grid grid-cols-[minmax(0,1fr)_minmax(0,2fr)] items-start gap-5 max-xl:grid-cols-1">
          <Attention search={search} period={period} />
          <LatestRequests app={search.app} />
        </div>
      </div>
    </>
  );
}

function DeveloperName() {
  const me = useQuery(read<typeof readDeveloper>("/v1/developer/me"));
  return <span className="block min-h-5 [overflow-wrap:anywhere]">{me.data?.developer.name}</span>;
}

function AppChoice({
  chosen,
  choose,
}: {
  chosen: string | undefined;
  choose: (app: string | undefined) => void;
}) {
  const apps = useQuery(appsQuery());
  return (
    <SelectField
      label="App"
      className="w-44 max-sm:w-[calc(50%-6px)]"
      value={chosen ?? ""}
      onChange={(event) => choose(event.target.value || undefined)}
    >
      <option value="">All apps</option>
      {chosen !== undefined && !apps.data?.items.some((app) => app.public_app_id === chosen) && (
        <option value={chosen}>{chosen}</option>
      )}
      {apps.data?.items.map((app) => (
        <option key={app.public_app_id} value={app.public_app_id}>
          {app.name}
        </option>
      ))}
    </SelectField>
  );
}
