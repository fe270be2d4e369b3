import { plural, showCount, showShare } from "../../format/count.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Chip } from "../../ui/chip.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import type { Rotation } from "./rotations-queries.ts";

/** How far the rotation is that is open, and what is the next step. */
export function OpenRotation({
  rotation,
  mayWrite,
  finish,
}: {
  rotation: Rotation;
  mayWrite: boolean;
  finish: () => void;
}) {
  const { done, total, status } = rotation;
  const running = status === "running";
  return (
    <Card
      title={running ? "Sealing anew" : "Sealed anew"}
      note={running ? "asked each second" : "the old key still opens"}
      aside={
        <span className="flex items-center gap-2">
          <Chip tone={running ? "live" : "good"}>{running ? "Running" : "Overlap"}</Chip>
          {mayWrite && (
            <Button small onClick={finish}>
              Finish
            </Button>
          )}
        </span>
      }
    >
      <div className="border-t border-line px-4 py-4">
        <p className="mb-2 flex flex-wrap justify-between gap-x-4">
          <span className="num text-lg font-semibold">
            {showCount(done)} of {plural(total, "value")}
          </span>
          <span className="num text-muted">{showShare(total === 0 ? 1 : done / total)}</span>
        </p>
        <progress
          aria-label="Values that are sealed with the new key"
          className="block h-2 w-full appearance-none overflow-hidden rounded-full bg-line [&::-moz-progress-bar]:bg-accent [&::-webkit-progress-bar]:bg-line [&::-webkit-progress-value]:bg-accent"
          value={total === 0 ? 1 : done}
          max={total === 0 ? 1 : total}
        />
        <p className="mt-3 text-sm text-muted">
          {running
            ? "The worker seals some at a time; every value opens at every moment. You may leave this page."
            : "Finish it, then take the old key out of the ring on every process."}
        </p>
      </div>
      {rotation.unopened && <Unopened places={rotation.unopened} />}
      <Facts
        flat
        items={[
          { name: "Reason", value: <span title={rotation.reason}>{rotation.reason}</span>, wide: true },
          { name: "Started by", value: <span title={rotation.started_by}>{rotation.started_by}</span> },
          { name: "Started", value: <FullMoment at={rotation.started_at} /> },
        ]}
      />
    </Card>
  );
}

/** Values that no key of the ring opens; their owners have to enter them again. */
function Unopened({ places }: { places: Readonly<Record<string, number>> }) {
  return (
    <div className="border-t border-line bg-warn-weak px-4 py-3 text-sm text-warn">
      <p>
        Some values do not open with any key of the ring. Whoever owns them has to enter them again; nothing
        else is touched.
      </p>
      <ul className="mt-1">
        {Object.entries(places).map(([place, count]) => (
          <li key={place} className="[overflow-wrap:anywhere]">
            <code className="font-mono text-xs">{place}</code>: {plural(count, "value")}
          </li>
        ))}
      </ul>
    </div>
  );
}
