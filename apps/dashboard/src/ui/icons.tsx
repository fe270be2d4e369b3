import type { ReactNode } from "react";

/** Small marks of 14 px, drawn in the colour of the text around them. Without a label they are decoration. */
function Icon({ label, children }: { label?: string | undefined; children: ReactNode }) {
  const named =
    label === undefined
      ? ({ "aria-hidden": true } as const)
      : ({ role: "img", "aria-label": label } as const);
  return (
    // biome-ignore lint/a11y/noSvgWithoutTitle: `named` says what it is, or that it is decoration.
    <svg
      {...named}
      viewBox="0 0 14 14"
      className="inline size-3.5 flex-none"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

export const Tick = ({ label }: { label?: string }) => (
  <Icon label={label}>
    <path d="M2.5 7.5l3 3 6-7" />
  </Icon>
);
export const Cross = ({ label }: { label?: string }) => (
  <Icon label={label}>
    <path d="M3 3l8 8M11 3l-8 8" />
  </Icon>
);
export const SunOrMoon = () => (
  <Icon>
    <circle cx="7" cy="7" r="5" />
    <path d="M7 2a5 5 0 0 1 0 10z" fill="currentColor" stroke="none" />
  </Icon>
);
export const Lens = () => (
  <Icon>
    <circle cx="6" cy="6" r="4" />
    <path d="M9 9l3.5 3.5" />
  </Icon>
);
export const Lines = () => (
  <Icon>
    <path d="M2 3.5h10M2 7h10M2 10.5h10" />
  </Icon>
);

export function Mark() {
  return (
    <svg viewBox="0 0 20 20" aria-hidden="true" className="size-5 flex-none text-accent" fill="currentColor">
      <path d="M2 4h9v2.6h1.6A4.4 4.4 0 0 1 17 11v1.6h-3.4V11a1 1 0 0 0-1-1H2z" />
      <path d="M15.3 14c1.2 1.5 1.9 2.4 1.9 3.3a1.9 1.9 0 0 1-3.8 0c0-.9.7-1.8 1.9-3.3z" />
    </svg>
  );
}
