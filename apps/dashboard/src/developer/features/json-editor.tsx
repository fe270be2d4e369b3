import { useRef } from "react";
import { classNames } from "../../ui/class-names.ts";
import type { Fault } from "./manifest-text.ts";

const lineHeight = 20;

/** The manifest as text: numbered lines, faulty ones marked, each fault a way to its line. */
export function JsonEditor({
  text,
  faults,
  change,
  readOnly,
}: {
  text: string;
  faults: readonly Fault[];
  change: (text: string) => void;
  readOnly: boolean;
}) {
  const field = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const lines = text.split("\n").length;
  const faulty = new Set(faults.map(({ line }) => line));
  const goTo = (line: number) => {
    const start =
      text
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length + (line > 1 ? 1 : 0);
    const end = text.indexOf("\n", start);
    field.current?.focus();
    field.current?.setSelectionRange(start, end < 0 ? text.length : end);
    if (field.current) field.current.scrollTop = Math.max(0, (line - 4) * lineHeight);
  };
  return (
    <div className="grid content-start gap-2 md:sticky md:top-5">
      <div className="flex h-[min(620px,calc(100dvh-220px))] min-h-80 overflow-hidden rounded-sm border border-field bg-surface font-mono text-sm focus-within:shadow-(--focus)">
        <div
          ref={gutter}
          aria-hidden="true"
          className="w-11 flex-none overflow-hidden border-r border-line bg-sunken py-2 select-none"
        >
          {Array.from({ length: lines }, (_, index) => (
            <div
              // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number.
              key={index}
              className={classNames(
                "num pr-2 text-right text-xs leading-5",
                faulty.has(index + 1) ? "bg-bad-weak font-medium text-bad" : "text-faint",
              )}
            >
              {index + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={field}
          aria-label="Manifest as JSON"
          aria-invalid={faults.length > 0 ? true : undefined}
          aria-describedby="manifest-faults"
          value={text}
          readOnly={readOnly}
          onChange={(event) => change(event.target.value)}
          onScroll={(event) => {
            if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop;
          }}
          wrap="off"
          spellCheck={false}
          autoComplete="off"
          autoCapitalize="off"
          className="min-w-0 flex-1 resize-none bg-transparent px-3 py-2 leading-5 outline-none focus-visible:shadow-none"
        />
      </div>
      <ul id="manifest-faults" aria-live="polite" className="grid gap-1 text-sm">
        {faults.map(({ path, message, line }) => (
          <li key={`${path} ${message}`}>
            <button
              type="button"
              className="rounded-sm px-1 py-0.5 text-left text-bad hover:bg-bad-weak"
              onClick={() => goTo(line)}
            >
              <span className="num text-xs">line {line}</span>{" "}
              {path !== "" && <b className="font-mono text-xs">{path}</b>} {message}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
