import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { showCount } from "../../format/count.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextBox } from "../../ui/scroll-box.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { type DebugCall, debugCallQuery } from "./debug-queries.ts";

/** What was asked and answered in one call. */
export function RecordedCall({
  appId,
  requestId,
  close,
}: {
  appId: string;
  requestId: string;
  close: () => void;
}) {
  const query = useQuery(debugCallQuery(appId, requestId));
  return (
    <Dialog title="Recorded call" close={close} wide>
      <p className="text-sm text-muted">
        <Link to="/requests/$requestId" params={{ requestId }} className="link font-mono text-xs">
          {requestId}
        </Link>{" "}
        · that you read it stands in the audit log.
      </p>
      <Answer page query={query} skeleton={<Skeleton rows={6} />}>
        {({ request, answer }) => (
          <>
            <Body title="Asked" body={request} />
            <Body title="Answered" body={answer} />
          </>
        )}
      </Answer>
      <div className="flex justify-end">
        <Button data-first="" onClick={close}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

function Body({ title, body: { text, bytes, truncated } }: { title: string; body: DebugCall["request"] }) {
  return (
    <section aria-label={title}>
      <p className="mb-1 flex items-center justify-between gap-2 text-sm">
        <span>
          <b>{title}</b>{" "}
          <span className="num text-muted">
            {showCount(bytes)} bytes{truncated && ", its beginning is shown"}
          </span>
        </span>
        <CopyButton text={text} label="Copy" />
      </p>
      <TextBox label={`${title}, text`} text={readable(text)} className="max-h-64" />
    </section>
  );
}

/** One JSON text is set in lines; anything else stands as it was. */
function readable(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
