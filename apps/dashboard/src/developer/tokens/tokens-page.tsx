import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listTokens, readToken, revokeToken } from "@modelfaucet/contract/routes/developer.ts";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRouteContext } from "@tanstack/react-router";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { read } from "../../api/read.ts";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Moment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { NewTokenDialog } from "./new-token-dialog.tsx";
import { RotateDialog } from "./rotate-dialog.tsx";

export type Token = AnswerOf<typeof readToken>;

export const tokensQuery = () => read<typeof listTokens>("/v1/developer/tokens", { query: { limit: 200 } });

/** The developer's tokens: made here, shown once, revoked within two seconds. */
export function TokensPage() {
  const { session } = useRouteContext({ from: "/console" });
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const [rotating, setRotating] = useState<Token | null>(null);
  const query = useQuery(tokensQuery());
  const mayWrite = may(session, "developer:tokens:write");
  return (
    <>
      <title>Tokens · ModelFaucet</title>
      <PageHead title="Tokens">
        {mayWrite && (
          <Button look="primary" onClick={() => setAdding(true)}>
            Add token
          </Button>
        )}
      </PageHead>
      <Card title="Developer tokens">
        <Answer query={query} skeleton={<Skeleton rows={4} />}>
          {({ items }) =>
            items.length === 0 ? (
              <Empty title="No token yet">
                Your backend needs one to open sessions, your scripts to read usage. A token holds only the
                scopes that you give it.
              </Empty>
            ) : (
              <TokenTable tokens={items} mayWrite={mayWrite} rotate={setRotating} revoke={setRevoking} />
            )
          }
        </Answer>
      </Card>
      {adding && <NewTokenDialog close={() => setAdding(false)} />}
      {rotating && <RotateDialog token={rotating} close={() => setRotating(null)} />}
      {revoking && <RevokeDialog token={revoking} close={() => setRevoking(null)} />}
    </>
  );
}

function TokenTable({
  tokens,
  mayWrite,
  rotate,
  revoke,
}: {
  tokens: readonly Token[];
  mayWrite: boolean;
  rotate: (token: Token) => void;
  revoke: (token: Token) => void;
}) {
  return (
    <Table
      label="Tokens"
      head={
        <>
          <Th wide>Name</Th>
          <Th>State</Th>
          <Th className="max-md:hidden">May</Th>
          <Th className="max-lg:hidden">Last used</Th>
          <Th className="max-md:hidden">Ends</Th>
          <Th />
        </>
      }
    >
      {tokens.map((token) => (
        <Row key={token.id} id={token.id}>
          <Td wide>
            <span className="font-medium">{token.name}</span>{" "}
            <span className="font-mono text-xs text-faint">{token.token_prefix}…</span>
          </Td>
          <Td>
            <Chip tone={token.status === "active" ? "good" : "plain"}>{stateWords[token.status]}</Chip>
          </Td>
          <Td className="max-w-64 truncate max-md:hidden">
            <span title={token.scopes.join("\n")}>{scopeWords(token.scopes)}</span>
          </Td>
          <Td className="max-lg:hidden">
            {token.last_used_at ? <Moment at={token.last_used_at} /> : "never"}
          </Td>
          <Td className="max-md:hidden">{token.expires_at ? <Moment at={token.expires_at} /> : "never"}</Td>
          <Td right className="max-sm:py-1.5">
            {mayWrite && token.status === "active" && (
              <span className="inline-flex gap-2 max-sm:flex-col">
                <Button small onClick={() => rotate(token)}>
                  Rotate
                </Button>
                <Button small onClick={() => revoke(token)}>
                  Revoke
                </Button>
              </span>
            )}
          </Td>
        </Row>
      ))}
    </Table>
  );
}

function RevokeDialog({ token, close }: { token: Token; close: () => void }) {
  const queryClient = useQueryClient();
  const revoke = useMutation<unknown, Problem>({
    mutationFn: () =>
      call<typeof revokeToken>("DELETE", "/v1/developer/tokens/:id", { params: { id: token.id } }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: ["/v1/developer/tokens"] });
      close();
    },
  });
  return (
    <Dialog title={`Revoke ${token.name}?`} close={close}>
      <p>
        Within two seconds every call with <code className="font-mono text-sm">{token.token_prefix}…</code> is
        refused. This cannot be undone: make a new token where one is needed.
      </p>
      {revoke.error && <ProblemNotice trouble={revoke.error} />}
      <div className="flex justify-end gap-2">
        <Button data-first="" onClick={close}>
          Keep it
        </Button>
        <Button look="danger" disabled={revoke.isPending} onClick={() => revoke.mutate()}>
          Revoke token
        </Button>
      </div>
    </Dialog>
  );
}

const stateWords = { active: "Active", expired: "Ended", revoked: "Revoked" } as const;

/** `apps, features:read`: what the scopes have in common is left out. */
function scopeWords(scopes: readonly string[]): string {
  const short = scopes.map((scope) => scope.replace(/^developer:/, ""));
  const both = (noun: string) => short.includes(`${noun}:read`) && short.includes(`${noun}:write`);
  const words = short.map((scope) => (both(scope.split(":")[0]!) ? scope.split(":")[0]! : scope));
  return [...new Set(words)].join(", ");
}
