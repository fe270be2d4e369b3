import { useSyncExternalStore } from "react";
import { showExactTime, showWhen } from "../format/time.ts";

/** A time, relative up to a day; the exact one by pointer, by focus, or when its row has the focus. */
export function Moment({ at, focusable = false }: { at: string; focusable?: boolean }) {
  const now = useNow();
  return (
    <time
      dateTime={at}
      title={showExactTime(at)}
      tabIndex={focusable ? 0 : undefined}
      className="num swap rounded-sm"
    >
      <span>{showWhen(at, now)}</span>
      <span aria-hidden="true">{showExactTime(at).split(", ")[1]}</span>
    </time>
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
