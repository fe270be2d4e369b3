import type { ReactNode } from "react";
import { showCount, showDuration } from "../../format/count.ts";
import { isZero, toExact, toUnits } from "../../format/money.ts";
import { Card } from "../../ui/card.tsx";
import { classNames } from "../../ui/class-names.ts";
import { ExactMoney } from "../../ui/money.tsx";
import type { RequestDetail } from "./request-query.ts";
import { timeSpent } from "./time-spent.ts";
import { Timeline } from "./timeline.tsx";
import { payerWords } from "./words.tsx";

type Step = { key: string; at: number | null; done: boolean; what: ReactNode; note?: ReactNode };

/** What happened, in order: planned, held, tried, settled. */
export function RequestStory({ request }: { request: RequestDetail }) {
  const { duration_ms: took } = request;
  const oursMs = timeSpent(request)?.oursMs ?? 0;
  return (
    <Card
      title="What happened"
      {...(took === undefined
        ? { note: "still running" }
        : { note: `${showDuration(took)}, of which ${showDuration(oursMs)} ours` })}
    >
      <Timeline request={request} />
      <ol className="px-4 pb-3">
        {stepsOf(request).map(({ key, at, done, what, note }) => (
          <li key={key} className="grid grid-cols-[64px_8px_minmax(0,1fr)] gap-x-3 py-1.5">
            <span className="num pt-px text-right text-xs text-faint">
              {at === null ? "" : showDuration(at)}
            </span>
            <span
              className={classNames(
                "mt-1.5 size-2 rounded-full",
                done ? "bg-accent" : "shadow-[inset_0_0_0_2px_var(--border-field)]",
              )}
            />
            <div className="min-w-0 [overflow-wrap:anywhere]">
              {what}
              {note !== undefined && <p className="text-sm text-muted">{note}</p>}
            </div>
          </li>
        ))}
      </ol>
    </Card>
  );
}

function stepsOf(request: RequestDetail): Step[] {
  const ours = timeSpent(request)?.oursMs ?? 0;
  let at = ours;
  const tries = request.attempts.map((attempt): Step => {
    const began = at;
    at += attempt.duration_ms ?? 0;
    return { ...attemptStep(attempt, request), at: began };
  });
  return [
    {
      key: "planned",
      at: 0,
      done: false,
      what: (
        <>
          Planned <b>{payerWords[request.route_mode].toLowerCase()}</b> through <b>{request.provider}</b>
        </>
      ),
      note: `${request.endpoint} · feature ${request.feature_key} · prices of version ${request.price_version}`,
    },
    {
      key: "held",
      at: ours,
      done: true,
      what: (
        <>
          Held <ExactMoney usd={request.hold_usd} currency />
        </>
      ),
      note: "the most that it could cost; nothing went upstream before this was committed",
    },
    ...tries,
    lastStep(request),
  ];
}

function attemptStep(attempt: RequestDetail["attempts"][number], request: RequestDetail): Omit<Step, "at"> {
  const served = attempt.number === request.attempts.length && request.status !== "failed";
  const streamMs = served ? (timeSpent(request)?.streamMs ?? 0) : 0;
  const facts = [
    attempt.provider,
    attempt.model,
    attempt.duration_ms === undefined
      ? null
      : `${served ? "first byte after " : ""}${showDuration(attempt.duration_ms)}`,
    streamMs > 0 ? `then a stream of ${showDuration(streamMs)}` : null,
    served ? null : "not charged",
  ];
  return {
    key: `attempt ${attempt.number}`,
    done: served,
    what: (
      <>
        Attempt {attempt.number} {outcomeWords(attempt.outcome)}
        {attempt.status_class !== undefined && <span className="text-muted"> · {attempt.status_class}</span>}
        {attempt.cost_usd !== undefined && !isZero(attempt.cost_usd) && (
          <span className="text-muted">
            {" "}
            · cost <ExactMoney usd={attempt.cost_usd} currency />, carried by the operator
          </span>
        )}
      </>
    ),
    note: facts.filter((fact) => fact !== null).join(" · "),
  };
}

function lastStep(request: RequestDetail): Step {
  const at = request.duration_ms ?? null;
  const released = toExact(toUnits(request.hold_usd) - toUnits(request.charge_usd));
  if (request.status === "pending") {
    return { key: "running", at, done: false, what: "Running", note: "it is settled when the answer ends" };
  }
  if (request.status === "failed" || request.status === "flagged") {
    return {
      key: "released",
      at,
      done: true,
      what: (
        <>
          Released <ExactMoney usd={request.hold_usd} currency />, charged nothing
        </>
      ),
      note: request.error ? `the caller was told: ${request.error.code}` : undefined,
    };
  }
  return {
    key: "captured",
    at,
    done: true,
    what: (
      <>
        Captured <ExactMoney usd={request.charge_usd} currency />, released{" "}
        <ExactMoney usd={released} currency />
      </>
    ),
    note: `${tokenWords(request)} ${sourceWords[request.usage_source]}`,
  };
}

export function tokenWords(request: RequestDetail): string {
  const { cached_input_tokens: cached, cache_write_tokens: written, reasoning_tokens: reasoning } = request;
  return [
    `${showCount(request.input_tokens)} in`,
    cached > 0 ? `${showCount(cached)} from cache` : null,
    written > 0 ? `${showCount(written)} written to cache` : null,
    `${showCount(request.output_tokens)} out`,
    reasoning > 0 ? `${showCount(reasoning)} reasoning` : null,
  ]
    .filter((part) => part !== null)
    .join(", ");
}

const sourceWords = {
  provider: "as reported by the provider",
  estimated: "counted here, because the provider did not say",
  reconciled: "as reconciled with the provider afterwards",
} as const;

function outcomeWords(outcome: string): string {
  if (outcome === "ok") return "answered to its end";
  return `failed: ${outcome.replaceAll("_", " ")}`;
}
