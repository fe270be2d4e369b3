import { showDuration } from "../../format/count.ts";
import { classNames } from "../../ui/class-names.ts";
import type { RequestDetail } from "./request-query.ts";
import { timeSpent } from "./time-spent.ts";

type Part = { key: string; ms: number; text: string; look: string };

/** How the time of a request went: ours, attempts that failed, the wait for the first byte, the stream. */
export function Timeline({ request }: { request: RequestDetail }) {
  const parts = partsOf(request);
  const total = parts.reduce((sum, { ms }) => sum + ms, 0);
  if (total === 0) return null;
  return (
    <div className="px-4 pb-3">
      <div
        role="img"
        aria-label={parts.map(({ text }) => text).join(", ")}
        className="flex h-[26px] gap-px overflow-hidden rounded-sm border border-line bg-line"
      >
        {parts.map(({ key, ms, text, look }) => (
          <span
            key={key}
            title={text}
            className={classNames("num grid min-w-1 place-items-center overflow-hidden text-xs", look)}
            style={{ width: `${(ms / total) * 100}%` }}
          >
            {ms / total > 0.28 ? text : ""}
          </span>
        ))}
      </div>
      <ul className="num mt-1.5 flex flex-wrap gap-x-4 text-xs text-muted">
        {parts.map(({ key, text, look }) => (
          <li key={key}>
            <span className={classNames("mr-1.5 inline-block size-2 rounded-[2px]", look)} />
            {text}
          </li>
        ))}
      </ul>
    </div>
  );
}

function partsOf(request: RequestDetail): Part[] {
  const spent = timeSpent(request);
  if (!spent) return [];
  const { oursMs, attemptsMs, streamMs } = spent;
  const failed = attemptsMs.slice(0, -1).map((ms, index) => ({
    key: `attempt ${index + 1}`,
    ms,
    text: `attempt ${index + 1} ${showDuration(ms)}`,
    look: "bg-bad-weak text-bad",
  }));
  const wait = attemptsMs.at(-1) ?? 0;
  return [
    { key: "ours", ms: oursMs, text: `plan and hold ${showDuration(oursMs)}`, look: "bg-text text-bg" },
    ...failed,
    ...(wait > 0
      ? [{ key: "wait", ms: wait, text: `first byte ${showDuration(wait)}`, look: "bg-wait text-text" }]
      : []),
    ...(streamMs > 0
      ? [
          {
            key: "stream",
            ms: streamMs,
            text: `stream ${showDuration(streamMs)}`,
            look: "bg-accent text-on-accent",
          },
        ]
      : []),
  ];
}
