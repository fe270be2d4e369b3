import {
  Bar,
  CartesianGrid,
  ComposedChart,
  Line,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from "recharts";
import { colours, heightOf, type Points, type Series, showTick, showValue } from "./series.ts";

type Drawing = { points: Points; series: readonly Series[]; kind: "bars" | "lines"; height: number };

/** Bars or lines over time, from zero. What it says in words stands around it; it is hidden from screen readers. */
export default function Chart({ points, series, kind, height }: Drawing) {
  const rows = points.at.map((at, index) => ({
    at,
    label: points.labels[index],
    ...Object.fromEntries(series.map(({ key, values }) => [key, heightOf(values[index] ?? null)])),
  }));
  const unit = series[0]?.unit ?? "count";
  return (
    <div aria-hidden="true" style={{ height }}>
      <ResponsiveContainer width="100%" height="100%">
        <ComposedChart
          data={rows}
          accessibilityLayer={false}
          barGap={1}
          margin={{ top: 8, right: 16, bottom: 0, left: 0 }}
        >
          <CartesianGrid vertical={false} stroke="var(--border)" />
          <XAxis
            dataKey="label"
            scale="band"
            interval="equidistantPreserveStart"
            tickLine={false}
            axisLine={{ stroke: "var(--border-strong)" }}
            tick={tick}
            minTickGap={24}
            height={24}
          />
          <YAxis
            width={64}
            tickLine={false}
            axisLine={false}
            tick={tick}
            tickCount={4}
            allowDecimals={unit !== "count"}
            domain={[0, unit === "count" ? (most: number) => Math.max(most, 2) : "auto"]}
            tickFormatter={(value: number) => showTick(unit, value)}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ fill: "var(--sunken)", stroke: "var(--border-strong)" }}
            content={({ active, label }) =>
              active ? <Reading points={points} series={series} label={String(label)} /> : null
            }
          />
          {series.map(({ key, tone, values }) =>
            kind === "bars" ? (
              <Bar
                key={key}
                dataKey={key}
                fill={colours[tone]}
                isAnimationActive={false}
                maxBarSize={22}
                radius={[2, 2, 0, 0]}
              />
            ) : (
              <Line
                key={key}
                dataKey={key}
                stroke={colours[tone]}
                strokeWidth={1.75}
                dot={isSparse(values) && { r: 2.5, fill: colours[tone], strokeWidth: 0 }}
                isAnimationActive={false}
                type="monotone"
                connectNulls
              />
            ),
          )}
        </ComposedChart>
      </ResponsiveContainer>
    </div>
  );
}

/** A line needs two points; where there are hardly more, each is a dot. */
function isSparse(values: Series["values"]): boolean {
  return values.filter((value) => value !== null).length <= 3;
}

const tick = { fill: "var(--muted)", fontSize: 11 };

function Reading({ points, series, label }: { points: Points; series: readonly Series[]; label: string }) {
  const index = points.labels.indexOf(label);
  return (
    <dl className="grid gap-1 rounded-sm border border-line-strong bg-surface px-3 py-2 text-xs">
      <dt className="font-medium">{label}</dt>
      {series.map(({ key, label: name, unit, tone, values }) => (
        <dd key={key} className="num flex justify-between gap-4">
          <span className="text-muted">
            <span
              className="mr-1.5 inline-block size-2 rounded-[2px]"
              style={{ background: colours[tone] }}
            />
            {name}
          </span>
          {showValue(unit, values[index])}
        </dd>
      ))}
    </dl>
  );
}
