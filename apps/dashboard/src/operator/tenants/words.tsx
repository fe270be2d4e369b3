import { Chip, type Tone } from "../../ui/chip.tsx";
import type { DeveloperStatus } from "../search.ts";

export const developerWords: Record<DeveloperStatus, { word: string; tone: Tone; says: string }> = {
  active: { word: "Active", tone: "good", says: "its apps are served" },
  suspended: { word: "Suspended", tone: "bad", says: "its apps are refused until it is switched on again" },
  closed: { word: "Closed", tone: "plain", says: "gone for good; its books stay" },
};

export function DeveloperStatusChip({ status }: { status: DeveloperStatus }) {
  const { word, tone, says } = developerWords[status];
  return (
    <Chip tone={tone} title={says}>
      {word}
    </Chip>
  );
}
