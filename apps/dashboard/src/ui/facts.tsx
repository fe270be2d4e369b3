import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** A band of named facts, side by side where there is room. `flat`: within a card, without a border of its own. */
export function Facts({ items, flat = false }: { items: readonly Fact[]; flat?: boolean }) {
  return (
    <div
      className={classNames(
        "overflow-hidden bg-surface",
        flat ? "border-t border-line" : "mb-5 rounded border border-line",
      )}
    >
      <dl className="-mr-px -mb-px flex flex-wrap">
        {items.map(({ name, value, wide }) => (
          <div
            key={name}
            className={classNames(
              "min-w-0 border-r border-b border-line px-4 py-3",
              wide ? "flex-[2_1_260px]" : "flex-[1_1_150px]",
            )}
          >
            <dt className="text-xs font-medium text-muted">{name}</dt>
            <dd className="mt-0.5 truncate">{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

type Fact = { name: string; value: ReactNode; wide?: boolean };
