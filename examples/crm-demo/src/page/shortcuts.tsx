import { Dialog } from "radix-ui";
import { useCallback, useEffect, useRef, useState } from "react";
import { suggestReply, ticketOf } from "../crm/desk.ts";
import { tickets } from "../crm/tickets.ts";

const keys = [
  ["R", "Suggest a reply"],
  ["J", "Next ticket"],
  ["K", "Ticket before"],
  ["T", "Light or dark"],
  ["?", "These keys"],
  ["Esc", "Close what is open"],
] as const;

const storageKey = "crm-demo:keys";

/** Single keys work while nothing is being typed and no dialog is open; whoever speaks to the page can turn them off. */
export function Shortcuts({ toggleTheme }: { toggleTheme: () => void }) {
  const [open, setOpen] = useState(false);
  const [on, setOn] = useState(() => localStorage.getItem(storageKey) !== "off");
  const before = useRef<HTMLElement | null>(null);
  const change = useCallback((next: boolean) => {
    if (next) before.current = document.activeElement as HTMLElement | null;
    setOpen(next);
  }, []);
  useEffect(() => {
    if (!on) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || isDialogOpen()) return;
      const act = actionOf(event.key.toLowerCase(), { toggleTheme, showKeys: () => change(true) });
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [toggleTheme, change, on]);
  return (
    <Dialog.Root open={open} onOpenChange={change}>
      <Dialog.Trigger className="icon-button" aria-label="Keyboard shortcuts">
        ?
      </Dialog.Trigger>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className="dialog"
          aria-describedby={undefined}
          onCloseAutoFocus={(event) => {
            // Back to where the reader was: a key may have opened this from anywhere.
            event.preventDefault();
            before.current?.focus();
          }}
        >
          <Dialog.Title>Keys</Dialog.Title>
          <dl className="keys">
            {keys.map(([key, what]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
          <label className="keys-switch">
            <input
              type="checkbox"
              checked={on}
              onChange={(event) => {
                setOn(event.target.checked);
                localStorage.setItem(storageKey, event.target.checked ? "on" : "off");
              }}
            />
            Use these keys
          </label>
          <Dialog.Close className="close" aria-label="Close">
            ×
          </Dialog.Close>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

type Deeds = { toggleTheme: () => void; showKeys: () => void };

function actionOf(key: string, { toggleTheme, showKeys }: Deeds): (() => void) | undefined {
  switch (key) {
    case "r":
      return () => void suggestReply(ticketOf(location.hash));
    case "j":
      return () => step(1);
    case "k":
      return () => step(-1);
    case "t":
      return toggleTheme;
    case "?":
      return showKeys;
    default:
      return undefined;
  }
}

function step(by: number): void {
  const place = tickets.indexOf(ticketOf(location.hash)) + by;
  const next = tickets[Math.min(tickets.length - 1, Math.max(0, place))];
  if (!next) return;
  location.hash = `ticket-${next.id}`;
  document.querySelector<HTMLElement>(`[data-ticket="${next.id}"]`)?.focus();
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.matches("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")
  );
}

function isDialogOpen(): boolean {
  return document.querySelector('[role="dialog"]') !== null;
}
