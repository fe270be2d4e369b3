import { CopyButton } from "./copy-button.tsx";

/** A secret that no later answer holds: to be copied now. */
export function SecretOnce({ label, secret, note }: { label: string; secret: string; note: string }) {
  return (
    <div className="grid gap-2 rounded-sm border border-line bg-sunken p-3">
      <p className="flex items-center justify-between gap-2 text-xs font-medium text-muted">
        {label} <CopyButton text={secret} label="Copy" />
      </p>
      <code className="font-mono text-sm [overflow-wrap:anywhere]">{secret}</code>
      <p className="text-xs text-muted">{note}</p>
    </div>
  );
}
