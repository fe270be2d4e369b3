import type { ReactNode } from "react";
import { classNames } from "./class-names.ts";

/** Something long that scrolls within itself; `label` names it for who cannot see it. */
export function ScrollBox({
  label,
  children,
  className,
}: {
  label: string;
  children: ReactNode;
  /** Its greatest height. */
  className: string;
}) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
      tabIndex={0}
      className={classNames("overflow-auto rounded-sm bg-sunken p-3", className)}
    >
      {children}
    </section>
  );
}

/** A text as it is, in such a box. */
export function TextBox({ label, text, className }: { label: string; text: string; className: string }) {
  return (
    <ScrollBox label={label} className={className}>
      <pre className="font-mono text-xs whitespace-pre-wrap [overflow-wrap:anywhere]">{text}</pre>
    </ScrollBox>
  );
}
