import { errorTable } from "@modelfaucet/contract/errors.ts";
import { page, table } from "./table.ts";

export function renderErrors(): string {
  const rows = Object.entries(errorTable).map(([code, { status, type, retry, when }]) => [
    `\`${code}\``,
    String(status),
    type,
    retry ? "yes" : "no",
    when,
  ]);
  return page("Errors", "packages/contract/src/errors.ts", [
    "Both services answer every failure with one envelope: " +
      '`{"error":{"message","type","param","code","request_id","details"?}}`. `message` says what to do. ' +
      "The header `x-should-retry` says whether the same request may succeed later; 429 and 503 carry `retry-after`.",
    table(["code", "status", "type", "retry", "when"], rows),
  ]);
}
