import { useQuery } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { ReceiptCard } from "../../receipt/receipt-card.tsx";
import { Answer } from "../../ui/answer.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { Skeleton, SkeletonFigure } from "../../ui/skeleton.tsx";
import { neighboursOf } from "./last-list.ts";
import { type RequestDetail, requestQuery } from "./request-query.ts";
import { RequestStory, tokenWords } from "./request-story.tsx";
import { TransactionsCard } from "./transactions-card.tsx";
import { PayerChip, StatusChip } from "./words.tsx";

/** One request, its whole story. */
export function RequestPage() {
  const { requestId } = useParams({ from: "/console/requests/$requestId" });
  const query = useQuery(requestQuery(requestId));
  return (
    <>
      <title>{`Request ${requestId.slice(4, 12)} · ModelFaucet`}</title>
      <Crumb requestId={requestId} />
      <Answer page query={query} skeleton={<Loading />}>
        {(request) => <Story request={request} />}
      </Answer>
    </>
  );
}

function Crumb({ requestId }: { requestId: string }) {
  const { previous, next, list } = neighboursOf(requestId);
  const neighbour = "link flex-none";
  return (
    <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
      <Link to="/requests" search={list} data-up="" className="link flex-none">
        Requests
      </Link>
      <span className="text-faint">/</span>
      <span className="num min-w-0 truncate font-mono text-xs">{requestId}</span>
      <CopyButton text={requestId} label="Copy id" />
      <span className="ml-auto flex gap-3 max-sm:hidden">
        {previous !== undefined && (
          <Link
            to="/requests/$requestId"
            params={{ requestId: previous }}
            data-previous=""
            className={neighbour}
          >
            Previous
          </Link>
        )}
        {next !== undefined && (
          <Link to="/requests/$requestId" params={{ requestId: next }} data-next="" className={neighbour}>
            Next
          </Link>
        )}
      </span>
    </nav>
  );
}

function Story({ request }: { request: RequestDetail }) {
  return (
    <>
      <div className="mb-5 flex flex-wrap items-end gap-x-4 gap-y-2">
        <div>
          <h1 className="text-xs font-medium text-muted">
            {request.status === "pending" ? "Held for the end user" : "Charged to end user"}
          </h1>
          <p className="text-2xl font-semibold tracking-tight">
            <ExactMoney usd={request.status === "pending" ? request.hold_usd : request.charge_usd} currency />
          </p>
        </div>
        <span className="flex flex-wrap gap-2 pb-1">
          <StatusChip status={request.status} />
          <PayerChip mode={request.route_mode} />
          {request.simulated && <Chip tone="warn">Simulated</Chip>}
        </span>
      </div>
      <Facts items={factsOf(request)} />
      <div className="grid grid-cols-[minmax(0,1.2fr)_minmax(0,1fr)] items-start gap-5 max-xl:grid-cols-1">
        <div className="grid gap-5">
          <RequestStory request={request} />
          <TransactionsCard request={request} />
        </div>
        {request.receipt ? (
          <ReceiptCard receipt={request.receipt} />
        ) : (
          <Card title="Receipt">
            <Empty title={request.status === "pending" ? "Not yet" : "None"}>
              {request.status === "pending"
                ? "It is written with the settlement, before the last byte of the answer leaves."
                : "A request that charges nothing has no receipt."}
            </Empty>
          </Card>
        )}
      </div>
    </>
  );
}

function factsOf(request: RequestDetail) {
  const app = request.public_app_id;
  return [
    {
      name: "App · feature",
      wide: true,
      value: (
        <>
          <Link to="/apps/$appId" params={{ appId: app }} className="link">
            {app}
          </Link>
          {" · "}
          <Link
            to="/apps/$appId/features/$featureKey"
            params={{ appId: app, featureKey: request.feature_key }}
            className="link"
          >
            {request.feature_key}
          </Link>
        </>
      ),
    },
    {
      name: "End user",
      value: request.receipt ? (
        <Link
          to="/requests"
          search={{ user: request.receipt.end_user_id }}
          className="num link"
          title="Every request of this end user"
        >
          {request.receipt.end_user_id.slice(0, 8)}…{request.receipt.end_user_id.slice(-4)}
        </Link>
      ) : (
        "–"
      ),
    },
    {
      name: "Model",
      value: (
        <span title={`${request.provider} / ${request.model}`}>
          {request.provider} / {request.model}
        </span>
      ),
    },
    { name: "Tokens", value: <span className="num">{tokenWords(request)}</span> },
    { name: "When", value: <FullMoment at={request.created_at} /> },
    ...(request.client_request_id === undefined
      ? []
      : [
          {
            name: "The client's own id",
            value: <code className="font-mono text-xs">{request.client_request_id}</code>,
          },
        ]),
  ];
}

function Loading() {
  return (
    <>
      <SkeletonFigure className="mb-6 h-10 w-48" />
      <div className="mb-5 h-[66px] rounded border border-line bg-surface" />
      <div className="rounded border border-line bg-surface">
        <Skeleton rows={8} />
      </div>
    </>
  );
}
