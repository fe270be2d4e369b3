import type { ReactNode } from "react";

/** The title of a screen, its acts at the right. */
export function PageHead({
  title,
  note,
  children,
}: {
  title: ReactNode;
  note?: ReactNode;
  children?: ReactNode;
}) {
  return (
    <div className="mb-5 flex flex-wrap items-end gap-x-4 gap-y-3">
      <div className="min-w-0">
        <h1 className="text-xl font-semibold tracking-tight [overflow-wrap:anywhere]">{title}</h1>
        {note !== undefined && <p className="text-sm text-muted">{note}</p>}
      </div>
      {children && (
        <div className="ml-auto flex flex-wrap items-center gap-2 max-sm:ml-0 max-sm:w-full max-sm:gap-3">
          {children}
        </div>
      )}
    </div>
  );
}
