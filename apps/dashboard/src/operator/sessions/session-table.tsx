import { Link } from "@tanstack/react-router";
import { Button } from "../../ui/button.tsx";
import { Chip, type Tone } from "../../ui/chip.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { SessionItem, Whose } from "./sessions-query.ts";

const stateWords: Record<SessionItem["status"], { word: string; tone: Tone }> = {
  live: { word: "Live", tone: "good" },
  expired: { word: "Ended", tone: "plain" },
  revoked: { word: "Revoked", tone: "bad" },
};

export function SessionTable({
  items,
  mayWrite,
  revoke,
}: {
  items: readonly SessionItem[];
  mayWrite: boolean;
  revoke: (whose: Whose) => void;
}) {
  return (
    <Table
      label="Sessions"
      head={
        <>
          <Th wide>End user</Th>
          <Th>State</Th>
          <Th className="max-md:hidden">App</Th>
          <Th className="max-lg:hidden">Works from</Th>
          <Th className="max-md:hidden">Opened</Th>
          <Th className="max-lg:hidden">Ends</Th>
          {mayWrite && <Th />}
        </>
      }
    >
      {items.map((item) => (
        <Row key={item.id} id={item.id} className="appear">
          <Td wide>
            <Link
              to="/operator/wallets/$walletId"
              params={{ walletId: item.end_user_id }}
              className="rounded-sm font-mono text-xs no-underline hover:text-accent"
              title={`session ${item.id}`}
            >
              {item.end_user_id}
            </Link>
          </Td>
          <Td>
            <Chip tone={stateWords[item.status].tone}>{stateWords[item.status].word}</Chip>
          </Td>
          <Td className="max-w-48 truncate max-md:hidden">
            <Link
              to="/operator/apps/$appId"
              params={{ appId: item.public_app_id }}
              className="rounded-sm font-mono text-xs no-underline hover:text-accent"
              title={item.public_app_id}
            >
              {item.public_app_id}
            </Link>
          </Td>
          <Td className="max-w-56 truncate max-lg:hidden">
            {item.origin ? (
              <span title={item.origin}>{item.origin}</span>
            ) : (
              <span className="text-faint">anywhere</span>
            )}
          </Td>
          <Td className="max-md:hidden">
            <Moment at={item.created_at} />
          </Td>
          <Td className="max-lg:hidden">
            <Moment at={item.revoked_at ?? item.expires_at} />
          </Td>
          {mayWrite && (
            <Td right>
              {item.status === "live" && (
                <Button small onClick={() => revoke({ by: "session_id", of: item.id })}>
                  Revoke
                </Button>
              )}
            </Td>
          )}
        </Row>
      ))}
    </Table>
  );
}
