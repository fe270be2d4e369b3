import { useRef } from "react";
import { classNames } from "./class-names.ts";

/** A fault of a text at its line, from 1; `path` is empty for what belongs to no field. */
export type LineFault = { path: string; message: string; line: number };

const lineHeight = 20;

/** A text with numbered lines, faulty ones marked, each fault a way to its line. */
export function LinedText({
  label,
  faultsId,
  text,
  faults,
  change,
  readOnly = false,
  placeholder,
  className,
}: {
  label: string;
  faultsId: string;
  text: string;
  faults: readonly LineFault[];
  change: (text: string) => void;
  readOnly?: boolean;
  placeholder?: string;
  /** Its height. */
  className: string;
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
    <div className="grid content-start gap-2">
      <div
        className={classNames(
          "flex overflow-hidden rounded-sm border border-field bg-surface font-mono text-sm focus-within:shadow-(--focus)",
          className,
        )}
      >
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
          aria-label={label}
          aria-invalid={faults.length > 0 ? true : undefined}
          aria-describedby={faultsId}
          value={text}
          readOnly={readOnly}
          placeholder={placeholder}
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
      <ul id={faultsId} aria-live="polite" className="grid gap-1 text-sm">
        {faults.map(({ path, message, line }) => (
          <li key={`${line} ${path} ${message}`}>
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
