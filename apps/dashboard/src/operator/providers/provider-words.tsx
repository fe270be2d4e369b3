import { showShare } from "../../format/count.ts";
import { Chip, type Tone } from "../../ui/chip.tsx";
import type { Provider } from "./providers-queries.ts";

type Health = { word: string; tone: Tone; says: string };

/** One word for how an upstream does, by its switch, its circuit and the traffic of the last hour. */
export function healthOf(provider: Provider): Health {
  if (provider.state === "off")
    return { word: "Off", tone: "plain", says: "switched off: no route leads to it" };
  if (provider.circuit === "open")
    return { word: "Circuit open", tone: "bad", says: "it failed too often: routes pass it by for a moment" };
  const rate = provider.error_rate;
  if (rate === undefined) return { word: "No traffic", tone: "plain", says: "no call in the last hour" };
  if (rate >= manyErrors) return { word: "Failing", tone: "bad", says: "more than half of its calls fail" };
  if (rate >= someErrors) return { word: "Errors", tone: "warn", says: "more than one call in twenty fails" };
  return { word: "Healthy", tone: "good", says: "it answers" };
}

export function HealthChip({ provider }: { provider: Provider }) {
  const { word, tone, says } = healthOf(provider);
  return (
    <Chip tone={tone} title={says}>
      {word}
    </Chip>
  );
}

/** `0.4 %` of the calls of the last hour; a dash where there was none. */
export function errorRateWords({ error_rate: rate }: Provider): string {
  return rate === undefined ? "–" : showShare(rate);
}

const manyErrors = 0.5;
const someErrors = 0.05;
