import { lazy, Suspense, useState } from "react";
import { Button } from "../ui/button.tsx";
import { Card } from "../ui/card.tsx";
import { Table, Td, Th } from "../ui/table.tsx";
import { colours, type Points, type Series, showValue } from "./series.ts";

const Chart = lazy(() => import("./chart.tsx"));

export type Panel = { series: readonly Series[]; kind: "bars" | "lines"; height: number };

/** One question, its answer as a drawing, each series labelled with its total, and the same as a table on request. */
export function ChartCard({
  question,
  points,
  panels,
}: {
  question: string;
  points: Points;
  panels: readonly Panel[];
}) {
  const [asTable, setAsTable] = useState(false);
  const all = panels.flatMap(({ series }) => series);
  return (
    <Card
      title={question}
      aside={
        <Button small look="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {asTable ? "Show chart" : "Show table"}
        </Button>
      }
    >
      {asTable ? (
        <div className="max-h-80 overflow-auto">
          <SeriesTable question={question} points={points} series={all} />
        </div>
      ) : (
        <div className="grid gap-3 pb-3">
          {panels.map(({ series, kind, height }) => (
            <figure key={series[0]?.key} aria-label={spoken(series)}>
              <Legend series={series} />
              <Suspense fallback={<div style={{ height }} />}>
                <Chart points={points} series={series} kind={kind} height={height} />
              </Suspense>
            </figure>
          ))}
        </div>
      )}
    </Card>
  );
}

function Legend({ series }: { series: readonly Series[] }) {
  return (
    <ul className="flex flex-wrap gap-x-5 px-4 text-sm">
      {series.map(({ key, label, unit, tone, total }) => (
        <li key={key} className="num">
          <span className="mr-1.5 inline-block size-2 rounded-[2px]" style={{ background: colours[tone] }} />
          <span className="text-muted">{label}</span> {showValue(unit, total)}
        </li>
      ))}
    </ul>
  );
}

function SeriesTable({
  question,
  points,
  series,
}: {
  question: string;
  points: Points;
  series: readonly Series[];
}) {
  return (
    <Table
      label={question}
      head={
        <>
          <Th>When</Th>
          {series.map(({ key, label }) => (
            <Th key={key} right>
              {label}
            </Th>
          ))}
        </>
      }
    >
      {points.at.map((at, index) => (
        <tr key={at}>
          <Td>{points.labels[index]}</Td>
          {series.map(({ key, unit, values }) => (
            <Td key={key} right>
              {showValue(unit, values[index])}
            </Td>
          ))}
        </tr>
      ))}
    </Table>
  );
}

function spoken(series: readonly Series[]): string {
  return series.map(({ label, unit, total }) => `${label}: ${showValue(unit, total)}`).join(", ");
}
