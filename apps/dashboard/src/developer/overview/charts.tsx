import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { readAnalyticsSeries } from "@modelfaucet/contract/routes/analytics.ts";
import { useQueries } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ChartCard } from "../../charts/chart-card.tsx";
import type { Points, Series } from "../../charts/series.ts";
import { showDay, showHour } from "../../format/time.ts";
import { Answer, type Asked } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { type Asking, type Metric, seriesQuery } from "./summary-query.ts";

type Answered = AnswerOf<typeof readAnalyticsSeries>;

const moneyQuestion = "What was charged, and what is yours of it?";
const healthQuestion = "How soon do answers begin, and how many fail?";

/** Charge and share; first byte and failures. */
export function Charts(asking: Asking) {
  return (
    <>
      <ChartOf asking={asking} question={moneyQuestion} metrics={["charge_usd", "developer_share_usd"]}>
        {([charge, share], points) => (
          <ChartCard
            question={moneyQuestion}
            points={points}
            panels={[
              {
                kind: "bars",
                height: 244,
                series: [
                  seriesOf(charge, "Charged", "usd", "accent"),
                  seriesOf(share, "Your share", "usd", "second"),
                ],
              },
            ]}
          />
        )}
      </ChartOf>
      <ChartOf
        asking={asking}
        question={healthQuestion}
        metrics={["first_byte_p95_ms", "first_byte_p50_ms", "errors"]}
      >
        {([p95, p50, errors], points) => (
          <ChartCard
            question={healthQuestion}
            points={points}
            panels={[
              {
                kind: "lines",
                height: 128,
                series: [
                  seriesOf(p95, "95 % begin within", "ms", "accent"),
                  seriesOf(p50, "half within", "ms", "quiet"),
                ],
              },
              { kind: "bars", height: 84, series: [seriesOf(errors, "Failed", "count", "bad")] },
            ]}
          />
        )}
      </ChartOf>
    </>
  );
}

/** Asks for the metrics together; what is drawn has all of them or says why not. */
function ChartOf({
  asking,
  question,
  metrics,
  children,
}: {
  asking: Asking;
  question: string;
  metrics: readonly Metric[];
  children: (answers: readonly Answered[], points: Points) => ReactNode;
}) {
  const queries = useQueries({ queries: metrics.map((metric) => seriesQuery(asking, metric)) });
  const answers = queries.map(({ data }) => data as Answered | undefined);
  const all: Asked<readonly Answered[]> = {
    data: answers.every((answer) => answer !== undefined) ? (answers as Answered[]) : undefined,
    error: queries.find(({ error }) => error)?.error ?? null,
    dataUpdatedAt: Math.min(...queries.map(({ dataUpdatedAt }) => dataUpdatedAt)),
    isFetching: queries.some(({ isFetching }) => isFetching),
    refetch: () => Promise.all(queries.map(({ refetch }) => refetch())),
  };
  if (all.data && !all.error) return children(all.data, pointsOf(all.data[0]!));
  return (
    <Card title={question}>
      <Answer query={all} skeleton={<div className="late h-[280px]" />}>
        {(data) => children(data, pointsOf(data[0]!))}
      </Answer>
    </Card>
  );
}

function pointsOf({ series, interval }: Answered): Points {
  const at = series[0]?.points.map((point) => point.at) ?? [];
  const label = (time: string) =>
    interval === "hour" ? `${showDay(time)}, ${showHour(time)}` : showDay(time);
  return { at, labels: at.map(label) };
}

function seriesOf(
  answer: Answered | undefined,
  label: string,
  unit: Series["unit"],
  tone: Series["tone"],
): Series {
  const [all] = answer?.series ?? [];
  return {
    key: answer?.metric ?? label,
    label,
    unit,
    tone,
    values: all?.points.map(({ value }) => value ?? null) ?? [],
    total: all?.total ?? (unit === "count" ? 0 : unit === "usd" ? "0.00000000" : null),
  };
}
