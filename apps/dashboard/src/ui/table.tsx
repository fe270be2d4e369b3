import type { ComponentProps, ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** A table that scrolls within itself where it is wider than the screen; `label` names it for who cannot see it. */
export function Table({ label, head, children }: { label: string; head: ReactNode; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section aria-label={label} tabIndex={0} className="overflow-x-auto">
      <table className="w-full border-collapse">
        <thead>
          <tr>{head}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}

type Cell = { right?: boolean; wide?: boolean; children?: ReactNode; className?: string };

/** A column's head. `right`: figures. `wide`: takes what is left and cuts what is too long. */
export function Th({ right, wide, children, className }: Cell) {
  return (
    <th
      scope="col"
      className={classNames(
        "px-4 pt-1 pb-2 text-xs max-sm:px-2 max-sm:first:pl-4 max-sm:last:pr-4 font-medium whitespace-nowrap text-muted",
        right ? "text-right" : "text-left",
        wide && "w-full",
        className,
      )}
    >
      {children}
    </th>
  );
}

export function Td({ right, wide, children, className }: Cell) {
  return (
    <td
      className={classNames(
        "h-(--row) border-t border-line px-4 whitespace-nowrap max-sm:px-2 max-sm:first:pl-4 max-sm:last:pr-4",
        right && "num text-right",
        wide && "max-w-0 min-w-40 truncate max-sm:min-w-24",
        className,
      )}
    >
      {children}
    </td>
  );
}

/** A row that can be chosen by j and k; its first link opens it. */
export function Row({
  id,
  current = false,
  className,
  ...rest
}: ComponentProps<"tr"> & { id: string; current?: boolean }) {
  return (
    <tr
      {...rest}
      data-row={id}
      aria-current={current ? "true" : undefined}
      className={classNames(
        "hover:bg-sunken aria-[current]:bg-accent-weak aria-[current]:shadow-[inset_2px_0_0_var(--accent)]",
        className,
      )}
    />
  );
}
