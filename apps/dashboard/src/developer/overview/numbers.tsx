import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { showAbout, showChange, showCount, showShare } from "../../format/count.ts";
import { isZero, lengthOf, showUsd } from "../../format/money.ts";
import { Answer } from "../../ui/answer.tsx";
import { classNames } from "../../ui/class-names.ts";
import { SkeletonFigure } from "../../ui/skeleton.tsx";
import type { RequestsSearch } from "../search.ts";
import { type Asking, type Metric, type SummaryItem, summaryQuery } from "./summary-query.ts";

/** Charge, share, requests and errors; each is a link to the requests that made it. */
export function Numbers(asking: Asking) {
  const query = useQuery(summaryQuery(asking));
  return (
    <section aria-label="Numbers" className="overflow-hidden rounded border border-line bg-surface">
      <Answer query={query} skeleton={<Tiles tiles={[{}, {}, {}, {}]} />}>
        {({ items }) => <Tiles tiles={tilesOf(new Map(items.map((item) => [item.metric, item])), asking)} />}
      </Answer>
    </section>
  );
}

type Tile = {
  name: string;
  value: string;
  change: { text: string; direction: -1 | 0 | 1 };
  more: "good" | "bad";
  note: string;
  search: RequestsSearch;
};

function Tiles({ tiles }: { tiles: readonly Partial<Tile>[] }) {
  return (
    <div className="grid grid-cols-4 max-lg:grid-cols-2 max-[400px]:grid-cols-1">
      {tiles.map((tile, index) => (
        <div
          key={tile.name ?? index}
          className="-mt-px -ml-px min-w-0 border-t border-l border-line px-4 py-3"
        >
          <p className="min-h-4 text-xs font-medium text-muted">{tile.name}</p>
          {tile.value === undefined ? (
            <SkeletonFigure className="my-1 h-7 w-28" />
          ) : (
            <Figure tile={tile as Tile} />
          )}
          <p className="num min-h-5 truncate text-sm text-muted">{tile.note}</p>
        </div>
      ))}
    </div>
  );
}

function Figure({ tile }: { tile: Tile }) {
  const { direction, text } = tile.change;
  const good = direction === 0 ? null : direction > 0 === (tile.more === "good");
  return (
    <p className="flex flex-wrap items-baseline gap-x-2">
      <Link
        to="/requests"
        search={tile.search}
        className="num rounded-sm text-2xl font-semibold tracking-tight no-underline hover:text-accent"
      >
        {tile.value}
      </Link>
      <span
        className={classNames("num text-xs", good === null ? "text-muted" : good ? "text-good" : "text-bad")}
        title="Against the period of the same length before"
      >
        {text}
      </span>
    </p>
  );
}

function tilesOf(items: ReadonlyMap<Metric, SummaryItem>, { search }: Asking): readonly Tile[] {
  const money = (metric: Metric) => pairOf<string>(items.get(metric), "0.00000000");
  const count = (metric: Metric) => pairOf<number>(items.get(metric), 0);
  const [charge, chargeBefore] = money("charge_usd");
  const [share, shareBefore] = money("developer_share_usd");
  const [requests, requestsBefore] = count("requests");
  const [errors] = count("errors");
  const [rate, rateBefore] = count("error_rate");
  const here: RequestsSearch = { ...search };
  const users = count("active_users")[0];
  return [
    {
      name: "Charged to end users",
      value: showUsd(charge),
      change: showChange(lengthOf(charge), lengthOf(chargeBefore)),
      more: "good",
      note: `${showCount(users)} active ${users === 1 ? "user" : "users"}`,
      search: { ...here, min: "0.00000001" },
    },
    {
      name: "Your share",
      value: showUsd(share),
      change: showChange(lengthOf(share), lengthOf(shareBefore)),
      more: "good",
      note: isZero(charge)
        ? "of nothing charged yet"
        : `${showShare(lengthOf(share) / lengthOf(charge))} of the charge`,
      search: { ...here, min: "0.00000001" },
    },
    {
      name: "Requests",
      value: showAbout(requests),
      change: showChange(requests, requestsBefore),
      more: "good",
      note: `${showAbout(count("input_tokens")[0])} tokens in, ${showAbout(count("output_tokens")[0])} out`,
      search: here,
    },
    {
      name: "Failed",
      value: showShare(rate),
      change: showChange(rate, rateBefore),
      more: "bad",
      note: errors === 0 ? "none failed" : `${showCount(errors)} failed, charged nothing`,
      search: { ...here, status: "failed" },
    },
  ];
}

function pairOf<T extends string | number>(item: SummaryItem | undefined, none: T): [T, T] {
  return [(item?.value as T | undefined) ?? none, (item?.previous as T | undefined) ?? none];
}
