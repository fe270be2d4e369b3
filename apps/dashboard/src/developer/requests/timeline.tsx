import { showDuration } from "../../format/count.ts";
import { classNames } from "../../ui/class-names.ts";
import type { RequestDetail } from "./request-query.ts";

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

/** What is not the providers' time is ours: plan, hold and the count before the settlement. */
export function oursMs({ duration_ms: all = 0, attempts }: RequestDetail): number {
  return Math.max(0, all - attempts.reduce((sum, attempt) => sum + (attempt.duration_ms ?? 0), 0));
}

function partsOf(request: RequestDetail): Part[] {
  if (request.duration_ms === undefined) return [];
  const ours = oursMs(request);
  const last = request.attempts.at(-1);
  const failed = request.attempts.slice(0, -1).map(({ number, duration_ms: ms = 0 }) => ({
    key: `attempt ${number}`,
    ms,
    text: `attempt ${number} ${showDuration(ms)}`,
    look: "bg-bad-weak text-bad",
  }));
  const lastMs = last?.duration_ms ?? 0;
  const wait = last?.first_byte_ms ?? lastMs;
  const stream = Math.max(0, lastMs - wait);
  return [
    { key: "ours", ms: ours, text: `plan and hold ${showDuration(ours)}`, look: "bg-text text-bg" },
    ...failed,
    ...(wait > 0
      ? [
          {
            key: "wait",
            ms: wait,
            text: `first byte ${showDuration(wait)}`,
            look: "bg-wait text-text",
          },
        ]
      : []),
    ...(stream > 0
      ? [
          {
            key: "stream",
            ms: stream,
            text: `stream ${showDuration(stream)}`,
            look: "bg-accent text-on-accent",
          },
        ]
      : []),
  ];
}
