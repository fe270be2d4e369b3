import type { ReactNode } from "react";
import { Button } from "../../ui/button.tsx";
import { PeriodPicker } from "../../ui/period-picker.tsx";
import { TypedFilter } from "../../ui/typed-filter.tsx";
import { type AuditSearch, actionForm } from "./search.ts";

/** What narrows an audit log; `children` are filters of its own. */
export function AuditFilters({
  search,
  filter,
  clear,
  children,
}: {
  search: AuditSearch;
  filter: (next: Partial<AuditSearch>) => void;
  clear: (() => void) | null;
  children?: ReactNode;
}) {
  const takes = (form: RegExp) => (text: string) => text === "" || form.test(text);
  const half = "w-48 max-sm:w-[calc(50%-6px)]";
  return (
    <div className="mb-5 flex flex-wrap items-start gap-3">
      <PeriodPicker anyTime search={search} change={filter} />
      <TypedFilter
        label="Act"
        data-search=""
        placeholder="provider_key.create"
        className={half}
        value={search.action ?? ""}
        accepts={takes(actionForm)}
        apply={(text) => filter({ action: text || undefined })}
      />
      <TypedFilter
        label="On a"
        placeholder="app"
        className={half}
        value={search.type ?? ""}
        accepts={takes(actionForm)}
        apply={(text) => filter({ type: text || undefined })}
      />
      <TypedFilter
        label="With the id"
        className={half}
        value={search.resource ?? ""}
        accepts={takes(/^.{1,128}$/)}
        apply={(text) => filter({ resource: text || undefined })}
      />
      {children}
      {clear && (
        <Button look="quiet" className="mt-5" onClick={clear}>
          Clear filters
        </Button>
      )}
    </div>
  );
}
