import { Link } from "@tanstack/react-router";
import { showShare } from "../../format/count.ts";
import { lengthOf, showUsd, toUnits } from "../../format/money.ts";
import { Button } from "../../ui/button.tsx";
import { Moment } from "../../ui/moment.tsx";
import { Money } from "../../ui/money.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import type { LimitItem } from "./limits-query.ts";
import { levelWords, limitWords, setterWords } from "./words.ts";

export function LimitTable({
  limits,
  mayWrite,
  change,
  clear,
}: {
  limits: readonly LimitItem[];
  mayWrite: boolean;
  change: (limit: LimitItem) => void;
  clear: (limit: LimitItem) => void;
}) {
  return (
    <Table
      label="Limits"
      head={
        <>
          <Th wide>Holds for</Th>
          <Th right className="max-sm:hidden">
            At most
          </Th>
          <Th right className="max-md:hidden">
            Used
          </Th>
          <Th className="max-lg:hidden">Starts anew</Th>
          <Th className="max-lg:hidden">Set by</Th>
          <Th className="max-xl:hidden">Changed</Th>
          {mayWrite && <Th />}
        </>
      }
    >
      {limits.map((limit) => (
        <Row key={keyOf(limit)} id={keyOf(limit)} className="appear">
          <Td wide className="max-sm:py-2">
            <Target limit={limit} />
            <span className="num block sm:hidden">{limitWords(limit)}</span>
            <span className="block text-xs text-muted sm:hidden">{usedWords(limit)}</span>
          </Td>
          <Td right className="max-sm:hidden">
            {limitWords(limit)}
          </Td>
          <Td right className="max-md:hidden">
            <Used limit={limit} />
          </Td>
          <Td className="max-lg:hidden">
            {limit.reset_at === undefined ? (
              <span className="text-faint">–</span>
            ) : (
              <Moment at={limit.reset_at} />
            )}
          </Td>
          <Td className="max-lg:hidden">{setterWords[limit.set_by]}</Td>
          <Td className="max-xl:hidden">
            <Moment at={limit.updated_at} />
          </Td>
          {mayWrite && (
            <Td right className="max-sm:py-1.5">
              {limit.set_by === "operator" && (
                <span className="inline-flex gap-2 max-sm:flex-col">
                  <Button small onClick={() => change(limit)}>
                    Change
                  </Button>
                  <Button small onClick={() => clear(limit)}>
                    Clear
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

/** One limit among all: nobody sets two of the same measure and window on one target. */
function keyOf({ level, target_id: target, measure, window, set_by: by }: LimitItem): string {
  return [level, target ?? "", measure, window, by].join(" ");
}

/** The level, and a way to what the limit holds for. */
function Target({ limit }: { limit: LimitItem }) {
  const { level, target_id: id, target_name: name } = limit;
  const look = "rounded-sm no-underline hover:text-accent";
  const label = name ?? <span className="font-mono text-xs">{id}</span>;
  const appId = name?.split("/")[0];
  return (
    <>
      <span className="font-medium">{levelWords[level].word}</span>
      {id !== undefined && <span className="text-faint"> · </span>}
      {level === "developer" && id !== undefined ? (
        <Link to="/operator/developers/$developerId" params={{ developerId: id }} className={look}>
          {label}
        </Link>
      ) : (level === "app" || level === "feature") && appId !== undefined ? (
        <Link to="/operator/apps/$appId" params={{ appId }} className={look}>
          {label}
        </Link>
      ) : level === "end_user" && id !== undefined ? (
        <Link to="/operator/wallets/$walletId" params={{ walletId: id }} className={look}>
          {label}
        </Link>
      ) : (
        id !== undefined && label
      )}
    </>
  );
}

/** Where there is no room for a column of its own. */
function usedWords({ used_usd: used }: LimitItem): string {
  return used === undefined ? "" : `${showUsd(used)} used`;
}

/** Money alone is counted in the books; rates count where requests are served. */
function Used({ limit: { used_usd: used, limit_usd: most } }: { limit: LimitItem }) {
  if (used === undefined || most === undefined) {
    return (
      <span className="text-faint" title="rates are counted where requests are served">
        –
      </span>
    );
  }
  const full = toUnits(used) >= toUnits(most);
  const share = full ? 1 : lengthOf(used) / lengthOf(most);
  return (
    <span className="inline-flex items-center gap-2" title={`${showShare(share)} of the limit`}>
      <span aria-hidden="true" className="h-1.5 w-14 overflow-hidden rounded-full bg-line">
        <span
          className={full ? "block h-full bg-bad" : "block h-full bg-accent"}
          style={{ width: `${share * 100}%` }}
        />
      </span>
      <Money usd={used} />
      {full && <span className="text-xs text-bad">reached</span>}
    </span>
  );
}
