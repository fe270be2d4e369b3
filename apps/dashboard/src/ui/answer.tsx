import type { ReactNode } from "react";
import { showExactTime } from "../format/time.ts";
import { Button } from "./button.tsx";
import { ProblemNotice, type Trouble } from "./problem-notice.tsx";

/** What a query knows at this moment. */
export type Asked<T> = {
  data: T | undefined;
  error: (Error & Trouble) | null;
  dataUpdatedAt: number;
  isFetching: boolean;
  refetch: () => unknown;
};

/** One of four states: loading, failed, shown, or shown with a quiet mark because it could not be asked again. */
export function Answer<T>({
  query,
  skeleton,
  children,
  page = false,
}: {
  query: Asked<T>;
  skeleton: ReactNode;
  children: (data: T) => ReactNode;
  /** On the page itself, not within a card. */
  page?: boolean;
}) {
  const retry = () => void query.refetch();
  if (query.data === undefined) {
    return query.error ? (
      <ProblemNotice {...(page ? {} : { className: "m-4" })} trouble={query.error} retry={retry} />
    ) : (
      skeleton
    );
  }
  return (
    <>
      {query.error && <Stale since={query.dataUpdatedAt} trouble={query.error} retry={retry} />}
      {children(query.data)}
    </>
  );
}

function Stale({ since, trouble, retry }: { since: number; trouble: Trouble; retry: () => void }) {
  return (
    <p className="flex flex-wrap items-center gap-2 px-4 py-1.5 text-xs text-warn" role="status">
      <span title={trouble.message}>
        As of {showExactTime(new Date(since).toISOString())}: could not be read again.
      </span>
      <Button small look="quiet" onClick={retry}>
        Try again
      </Button>
    </p>
  );
}
