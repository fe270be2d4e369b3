/** Drawn here, so that no font decides whether a sign is there. All are decoration beside a text or a label. */

export function MarkIcon() {
  return (
    <svg className="mark" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
      <path
        fill="currentColor"
        d="M10 .5c3.8 4.1 6.7 7.6 6.7 11.3a6.7 6.7 0 0 1-13.4 0C3.3 8.1 6.2 4.6 10 .5z"
      />
    </svg>
  );
}

export function TickIcon({ label }: { label: string }) {
  return (
    <svg className="tick" viewBox="0 0 16 16" width="13" height="13" role="img" aria-label={label}>
      <path fill="none" stroke="currentColor" strokeWidth="2" d="M2.5 8.5 6.2 12.2 13.5 4.3" />
    </svg>
  );
}

export function CrossIcon({ label }: { label: string }) {
  return (
    <svg className="cross" viewBox="0 0 16 16" width="13" height="13" role="img" aria-label={label}>
      <path fill="none" stroke="currentColor" strokeWidth="2" d="m3.5 3.5 9 9m0-9-9 9" />
    </svg>
  );
}

export function ThemeIcon() {
  return (
    <svg viewBox="0 0 16 16" width="15" height="15" aria-hidden="true">
      <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" strokeWidth="1.5" />
      <path fill="currentColor" d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" />
    </svg>
  );
}
