import { useState } from "react";
import { Dialog } from "../ui/dialog.tsx";
import { keys, setSingleKeys, singleKeysOn } from "./keyboard.ts";

export function KeysDialog({ close }: { close: () => void }) {
  const [on, setOn] = useState(singleKeysOn);
  return (
    <Dialog title="Keys" close={close}>
      <dl className="grid">
        {keys.map(([key, what]) => (
          <div key={key} className="grid h-8 grid-cols-[88px_1fr] items-center">
            <dt>
              <Kbd>{key}</Kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <label className="flex items-center gap-2 border-t border-line pt-4">
        <input
          type="checkbox"
          className="size-4 accent-(--accent)"
          checked={on}
          onChange={(event) => {
            setOn(event.target.checked);
            setSingleKeys(event.target.checked);
          }}
        />
        Use the single keys
      </label>
    </Dialog>
  );
}

function Kbd({ children }: { children: string }) {
  return (
    <kbd className="rounded-sm border border-b-2 border-line-strong bg-sunken px-1.5 py-0.5 font-sans text-xs font-medium text-muted">
      {children}
    </kbd>
  );
}
