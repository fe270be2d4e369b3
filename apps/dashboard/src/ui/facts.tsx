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
      <dl className="-mr-px -mb-px grid grid-cols-[repeat(auto-fit,minmax(150px,1fr))]">
        {items.map(({ name, value }) => (
          <div key={name} className="min-w-0 border-r border-b border-line px-4 py-3">
            <dt className="text-xs font-medium text-muted">{name}</dt>
            <dd className="mt-0.5 truncate">{value}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

type Fact = { name: string; value: ReactNode };
