import { classNames } from "./class-names.ts";

/** Bars where lines will be, shown when the answer takes longer than a moment. The height is that of the final layout. */
export function Skeleton({ rows, row = 36, className }: { rows: number; row?: number; className?: string }) {
  return (
    <div role="status" aria-label="Loading" className={classNames("late", className)}>
      {Array.from({ length: rows }, (_, index) => (
        <div
          // biome-ignore lint/suspicious/noArrayIndexKey: the bars never change places.
          key={index}
          className="flex items-center border-t border-line px-4 first:border-t-0"
          style={{ height: row }}
        >
          <span className={classNames("h-2.5 rounded-full bg-line", widths[index % widths.length])} />
        </div>
      ))}
    </div>
  );
}

/** One bar in place of a figure. */
export function SkeletonFigure({ className = "h-6 w-24" }: { className?: string }) {
  return (
    <span
      role="status"
      aria-label="Loading"
      className={classNames("late block rounded-sm bg-line", className)}
    />
  );
}

const widths = ["w-3/5", "w-2/5", "w-1/2", "w-1/3"];
