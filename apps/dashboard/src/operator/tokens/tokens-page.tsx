import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Empty } from "../../ui/empty.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Pages } from "../../ui/pages.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { NewTokenDialog } from "./new-token-dialog.tsx";
import { RevokeTokenDialog } from "./revoke-token-dialog.tsx";
import { RotateTokenDialog } from "./rotate-token-dialog.tsx";
import { TokenTable } from "./token-table.tsx";
import { type OperatorToken, tokensQuery } from "./tokens-query.ts";

type Opened = { act: "new" } | { act: "rotate" | "revoke"; token: OperatorToken };

/** Tokens of operators: one person each, shown once, with an end. */
export function TokensPage() {
  const { cursor } = useSearch({ from: "/console/operator/tokens" });
  const navigate = useNavigate({ from: "/operator/tokens" });
  const { session } = useRouteContext({ from: "/console" });
  const [opened, setOpened] = useState<Opened | null>(null);
  const query = useQuery(tokensQuery(cursor));
  const close = () => setOpened(null);
  const mayWrite = may(session, "operator:security");
  return (
    <>
      <title>Operator tokens · ModelFaucet</title>
      <PageHead title="Operator tokens">
        {mayWrite && (
          <Button look="primary" onClick={() => setOpened({ act: "new" })}>
            Add token
          </Button>
        )}
      </PageHead>
      <Card title="Newest first" {...(query.isPlaceholderData ? { note: "reading…" } : {})}>
        <Answer query={query} skeleton={<Skeleton rows={4} />}>
          {({ items, next_cursor: next }) => (
            <>
              {items.length === 0 ? (
                <Empty title="No operator token yet">
                  Make one for each person and each script that operates this deployment: then the audit log
                  names who did what, and one of them can be revoked alone.
                </Empty>
              ) : (
                <TokenTable
                  tokens={items}
                  mayWrite={mayWrite}
                  act={(act, token) => setOpened({ act, token })}
                />
              )}
              <Pages
                newest={cursor === undefined}
                next={next}
                toNewest={() => void navigate({ search: {} })}
                older={(older) => void navigate({ search: { cursor: older } })}
              />
            </>
          )}
        </Answer>
      </Card>
      {opened?.act === "new" && <NewTokenDialog close={close} />}
      {opened?.act === "rotate" && <RotateTokenDialog token={opened.token} close={close} />}
      {opened?.act === "revoke" && <RevokeTokenDialog token={opened.token} close={close} />}
    </>
  );
}
