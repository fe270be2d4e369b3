import { Tooltip } from "radix-ui";
import { useSyncExternalStore } from "react";
import { showExactTime, showWhen } from "../format/time.ts";

/** A time in a row, relative up to a day; the exact one by pointer, or when its row has the focus. */
export function Moment({ at }: { at: string }) {
  const now = useNow();
  return (
    <time dateTime={at} title={showExactTime(at)} className="num swap">
      <span>{showWhen(at, now)}</span>
      <span aria-hidden="true">{showExactTime(at).split(", ")[1]}</span>
    </time>
  );
}

/** A time that stands by itself: the exact one by pointer and by focus. */
export function FullMoment({ at }: { at: string }) {
  const now = useNow();
  return (
    <Tooltip.Provider delayDuration={150}>
      <Tooltip.Root>
        <Tooltip.Trigger asChild>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: focus shows the exact time to whoever uses no pointer. */}
          <time dateTime={at} tabIndex={0} className="num cursor-default rounded-sm">
            {showWhen(at, now)}
          </time>
        </Tooltip.Trigger>
        <Tooltip.Portal>
          <Tooltip.Content
            sideOffset={6}
            collisionPadding={8}
            className="num z-10 rounded-sm border border-line-strong bg-surface px-2.5 py-1.5 text-xs"
          >
            {showExactTime(at)}
          </Tooltip.Content>
        </Tooltip.Portal>
      </Tooltip.Root>
    </Tooltip.Provider>
  );
}

const everyMs = 10_000;
let now = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | null = null;

/** The time of the last turn of ten seconds: one timer for all that show an age. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(tick, everyMs);
  if (listeners.size === 1) now = Date.now();
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  };
}

function tick(): void {
  now = Date.now();
  for (const listener of listeners) listener();
}
