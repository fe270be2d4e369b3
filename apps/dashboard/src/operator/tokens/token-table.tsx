import { Button } from "../../ui/button.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { OperatorToken } from "./tokens-query.ts";

const stateWords = { active: "Active", expired: "Ended", revoked: "Revoked" } as const;

export function TokenTable({
  tokens,
  mayWrite,
  act,
}: {
  tokens: readonly OperatorToken[];
  mayWrite: boolean;
  act: (act: "rotate" | "revoke", token: OperatorToken) => void;
}) {
  return (
    <Table
      label="Operator tokens"
      head={
        <>
          <Th wide>Person</Th>
          <Th>State</Th>
          <Th className="max-md:hidden">May</Th>
          <Th className="max-lg:hidden">Last used</Th>
          <Th className="max-md:hidden">Ends</Th>
          {mayWrite && <Th />}
        </>
      }
    >
      {tokens.map((token) => (
        <Row key={token.id} id={token.id} className="appear">
          <Td wide>
            <span className="font-medium max-sm:block max-sm:truncate" title={token.email}>
              {token.email}
            </span>{" "}
            <span className="text-faint max-sm:block max-sm:truncate">
              {token.name} <span className="font-mono text-xs">{token.token_prefix}…</span>
            </span>
          </Td>
          <Td>
            <Chip tone={token.status === "active" ? "good" : "plain"}>{stateWords[token.status]}</Chip>
          </Td>
          <Td className="max-w-56 truncate max-md:hidden">
            <span title={token.scopes.join("\n")}>{mayWords(token)}</span>
          </Td>
          <Td className="max-lg:hidden">
            {token.last_used_at ? <Moment at={token.last_used_at} /> : "never"}
          </Td>
          <Td className="max-md:hidden">
            <Moment at={token.expires_at} />
          </Td>
          {mayWrite && (
            <Td right className="max-sm:py-1.5">
              {token.status === "active" && (
                <span className="inline-flex gap-2 max-sm:flex-col">
                  <Button small onClick={() => act("rotate", token)}>
                    Rotate
                  </Button>
                  <Button small onClick={() => act("revoke", token)}>
                    Revoke
                  </Button>
                </span>
              )}
            </Td>
          )}
        </Row>
      ))}
    </Table>
  );
}

/** Its role, or its scopes without what they have in common. */
function mayWords({ role, scopes }: OperatorToken): string {
  return role ?? scopes.map((scope) => scope.replace(/^operator:/, "")).join(", ");
}
