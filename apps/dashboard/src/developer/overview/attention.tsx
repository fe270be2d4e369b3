import type { listTokens, readDeveloper } from "@modelfaucet/contract/routes/developer.ts";
import { useQuery } from "@tanstack/react-query";
import { Link, useRouteContext } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { read } from "../../api/read.ts";
import { may } from "../../api/session.ts";
import { plural } from "../../format/count.ts";
import { Card } from "../../ui/card.tsx";
import { Chip, type Tone } from "../../ui/chip.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment, useNow } from "../../ui/moment.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { appsQuery } from "../apps/apps-query.ts";
import { type Asking, summaryQuery } from "./summary-query.ts";

type Matter = { key: string; tone: Tone; word: string; text: ReactNode };

const soonMs = 14 * 86_400_000;

/** What somebody should look at today; nothing else. */
export function Attention(asking: Asking) {
  const matters = useMatters(asking);
  return (
    <Card title="Needs attention" {...(matters?.length ? { note: matters.length } : {})}>
      {matters === null ? (
        <Skeleton rows={3} />
      ) : matters.length === 0 ? (
        <Empty title="Nothing does">
          Failing requests, suspended apps, missing settings and tokens that end soon are listed here.
        </Empty>
      ) : (
        <ul>
          {matters.map(({ key, tone, word, text }) => (
            <li key={key} className="flex min-h-11 items-start gap-3 border-t border-line px-4 py-2.5">
              <Chip tone={tone}>{word}</Chip>
              <span className="min-w-0 text-sm [overflow-wrap:anywhere]">{text}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** `null` while nothing is known yet. What could not be read is left out: its own screen says why. */
function useMatters(asking: Asking): Matter[] | null {
  const { session } = useRouteContext({ from: "/console" });
  const now = useNow();
  const summary = useQuery(summaryQuery(asking));
  const me = useQuery(read<typeof readDeveloper>("/v1/developer/me"));
  const apps = useQuery({ ...appsQuery(), enabled: may(session, "developer:apps:read") });
  const tokens = useQuery({
    ...read<typeof listTokens>("/v1/developer/tokens", { query: { status: "active", limit: 200 } }),
    enabled: may(session, "developer:tokens:read"),
  });
  if (summary.isPending && apps.isPending) return null;
  const failed = summary.data?.items.find(({ metric }) => metric === "errors")?.value ?? 0;
  return [
    ...failures(Number(failed), asking),
    ...(apps.data?.items ?? []).flatMap(appMatters),
    ...(me.data?.todo ?? []).map((text) => ({ key: text, tone: "warn" as const, word: "To do", text })),
    ...(tokens.data?.items ?? [])
      .filter(({ expires_at: end }) => end !== undefined && Date.parse(end) - now < soonMs)
      .map((token) => ({
        key: token.id,
        tone: "warn" as const,
        word: "Token",
        text: (
          <>
            <Link to="/tokens" className="link">
              {token.name}
            </Link>{" "}
            ends <Moment at={token.expires_at!} />
          </>
        ),
      })),
  ];
}

function failures(count: number, { search }: Asking): Matter[] {
  if (count === 0) return [];
  return [
    {
      key: "failed",
      tone: "bad",
      word: "Failed",
      text: (
        <>
          <Link to="/requests" search={{ ...search, status: "failed" }} className="link">
            {plural(count, "request")}
          </Link>{" "}
          in this period; nothing was charged for them
        </>
      ),
    },
  ];
}

function appMatters(app: {
  public_app_id: string;
  name: string;
  status: string;
  failing_gates: string[];
  suspended?: { what: string; reason: string } | undefined;
}): Matter[] {
  const link = (
    <Link to="/apps/$appId" params={{ appId: app.public_app_id }} className="link">
      {app.name}
    </Link>
  );
  return [
    ...(app.suspended
      ? [
          {
            key: `${app.public_app_id} suspended`,
            tone: "bad" as const,
            word: "Suspended",
            text: (
              <>
                {link}: {app.suspended.reason}
              </>
            ),
          },
        ]
      : []),
    ...(app.failing_gates.length > 0
      ? [
          {
            key: `${app.public_app_id} gates`,
            tone: "warn" as const,
            word: "Gate",
            text: (
              <>
                {link} lacks {app.failing_gates.join(", ").replaceAll("_", " ")}
              </>
            ),
          },
        ]
      : []),
  ];
}
