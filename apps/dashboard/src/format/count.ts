/** `1,204`: a whole number. */
export function showCount(count: number): string {
  return count.toLocaleString("en");
}

/** `1,204`, `1.2 M`: short from a million on, for what nobody adds up. */
export function showAbout(count: number): string {
  if (count < 1_000_000) return showCount(Math.round(count));
  const [divisor, letter] = count < 1_000_000_000 ? [1e6, "M"] : ([1e9, "B"] as const);
  return `${(count / divisor).toLocaleString("en", { maximumFractionDigits: 1 })} ${letter}`;
}

/** `1.21 s`, `418 ms`, `2 min 4 s`. */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${showCount(Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `40 %`, `12.5 %`, of basis points. */
export function showBps(bps: number): string {
  return `${bps / 100} %`;
}

/** `0.4 %` of a share of 0..1; what is not zero never shows as zero. */
export function showShare(share: number): string {
  if (share > 0 && share < 0.001) return "<0.1 %";
  return `${(share * 100).toLocaleString("en", { maximumFractionDigits: 1 })} %`;
}

/** `+12 %`, `−3 %`, `new`, `same`: the change from `before` to `now`. */
export function showChange(now: number, before: number): { text: string; direction: -1 | 0 | 1 } {
  if (now === before) return { text: "same as before", direction: 0 };
  if (before === 0) return { text: "none before", direction: 0 };
  const change = (now - before) / before;
  const size = Math.abs(change * 100);
  const text = size >= 1000 ? `×${Math.round(now / before)}` : `${size < 0.1 ? "<0.1" : round(size)} %`;
  const direction = change < 0 ? -1 : 1;
  return { text: size >= 1000 ? text : `${direction < 0 ? "−" : "+"}${text}`, direction };
}

/** `1 request`, `2 requests`. */
export function plural(count: number, word: string): string {
  return `${showCount(count)} ${word}${count === 1 ? "" : "s"}`;
}

function round(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
}
