import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

export type Tone = "plain" | "good" | "bad" | "warn" | "live";

const tones: Record<Tone, string> = {
  plain: "border-line bg-surface text-muted",
  good: "border-good-weak bg-good-weak text-good",
  bad: "border-bad-weak bg-bad-weak text-bad",
  warn: "border-warn-weak bg-warn-weak text-warn",
  live: "border-accent-weak bg-accent-weak text-accent",
};

/** One word of state; the dot repeats the colour, the word alone says it. */
export function Chip({
  tone = "plain",
  children,
  title,
}: {
  tone?: Tone;
  children: ReactNode;
  title?: string;
}) {
  return (
    <span
      title={title}
      className={classNames(
        "inline-flex h-[22px] flex-none items-center gap-1.5 rounded-full border px-2 text-xs whitespace-nowrap",
        "before:size-1.5 before:rounded-full before:bg-current before:content-['']",
        tones[tone],
      )}
    >
      {children}
    </span>
  );
}
