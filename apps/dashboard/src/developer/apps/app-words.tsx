import { Chip, type Tone } from "../../ui/chip.tsx";

const words: Record<string, { word: string; tone: Tone; says: string }> = {
  active: { word: "Active", tone: "good", says: "sessions open, requests are served" },
  pending: { word: "Pending", tone: "warn", says: "only your own users can use it until its gates hold" },
  disabled: { word: "Disabled", tone: "plain", says: "switched off by you; wallets and books stay" },
  suspended: { word: "Suspended", tone: "bad", says: "switched off by the operator" },
};

export function AppStatusChip({ status }: { status: string }) {
  const { word, tone, says } = words[status] ?? { word: status, tone: "plain", says: "" };
  return (
    <Chip tone={tone} title={says}>
      {word}
    </Chip>
  );
}
