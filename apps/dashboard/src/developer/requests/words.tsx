import { Chip, type Tone } from "../../ui/chip.tsx";
import type { RouteMode, UsageStatus } from "../search.ts";

/** The words of a request's states and payers, the same on every screen. */
export const statusWords: Record<UsageStatus, { word: string; tone: Tone; says: string }> = {
  succeeded: { word: "Settled", tone: "good", says: "answered and charged" },
  failed: { word: "Failed", tone: "bad", says: "no answer, charged nothing" },
  aborted: { word: "Stopped", tone: "plain", says: "the client left; charged for what was relayed" },
  flagged: { word: "Flagged", tone: "warn", says: "its end is not known; charged nothing" },
  pending: { word: "Running", tone: "live", says: "money is held, nothing is charged yet" },
};

export const payerWords: Record<RouteMode, string> = {
  platform: "Credits",
  developer_key: "Credits, your key",
  byok: "User's key",
  local: "User's computer",
};

export function StatusChip({ status }: { status: UsageStatus }) {
  const { word, tone, says } = statusWords[status];
  return (
    <Chip tone={tone} title={says}>
      {word}
    </Chip>
  );
}

export function PayerChip({ mode }: { mode: RouteMode }) {
  return <Chip title="Who pays">{payerWords[mode]}</Chip>;
}
