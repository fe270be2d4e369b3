import { Button } from "./button.tsx";
import { classNames } from "./class-names.ts";
import { CopyButton } from "./copy-button.tsx";

/** What went wrong, as much of it as there is to know. */
export type Trouble = {
  message: string;
  requestId?: string | null;
  /** Asking again would be answered the same. */
  isFinal?: boolean;
};

/** What happened, what to do, and the request id to copy. */
export function ProblemNotice({
  trouble,
  retry,
  className,
}: {
  trouble: Trouble;
  retry?: () => void;
  className?: string;
}) {
  return (
    <div role="alert" className={classNames("grid gap-2 rounded-sm bg-bad-weak p-3 text-sm", className)}>
      <p className="[overflow-wrap:anywhere]">{trouble.message}</p>
      {((retry && !trouble.isFinal) || trouble.requestId) && (
        <div className="flex min-w-0 flex-wrap items-center gap-2">
          {retry && !trouble.isFinal && (
            <Button small onClick={retry}>
              Try again
            </Button>
          )}
          {trouble.requestId && (
            <>
              <CopyButton text={trouble.requestId} label="Copy request id" />
              <code className="min-w-0 font-mono text-xs [overflow-wrap:anywhere] text-muted">
                {trouble.requestId}
              </code>
            </>
          )}
        </div>
      )}
    </div>
  );
}
