import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** A bordered section with its title; `aside` stands at the right of the title. */
export function Card({
  title,
  note,
  aside,
  children,
  className,
}: {
  title: string;
  note?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  className?: string;
}) {
  return (
    <section
      aria-label={title}
      className={classNames("min-w-0 overflow-hidden rounded border border-line bg-surface", className)}
    >
      <div className="flex min-h-12 items-center gap-3 px-4 py-2">
        <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3">
          <h2 className="font-semibold tracking-tight">{title}</h2>
          {note !== undefined && <span className="num text-sm text-muted">{note}</span>}
        </div>
        {aside}
      </div>
      {children}
    </section>
  );
}
