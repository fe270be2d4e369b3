import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button } from "./button.tsx";
import { classNames } from "./class-names.ts";
import { Cross } from "./icons.tsx";

/**
 * The browser's own dialog: it keeps the focus in, gives it back, and closes by Esc. Libraries lock the scroll by an
 * inline style sheet, which the content security policy refuses.
 */
export function Dialog({
  title,
  close,
  children,
  wide = false,
  bare = false,
}: {
  title: string;
  close: () => void;
  children: ReactNode;
  wide?: boolean;
  /** Without a visible title and padding: for what brings its own. */
  bare?: boolean;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    // What the dialog is for, where it is not simply the first thing that takes the focus.
    dialog.current?.querySelector<HTMLElement>("[data-first]")?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Esc closes it; the click is that on the backdrop.
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
      className={classNames(
        "m-auto max-h-[calc(100dvh-32px)] w-[calc(100vw-24px)] overflow-auto rounded border border-line-strong bg-surface text-text",
        wide ? "max-w-[720px]" : "max-w-[440px]",
        bare && "mt-[12vh]",
      )}
    >
      <div className={classNames(!bare && "grid gap-4 p-5")}>
        <h2 id={id} className={bare ? "sr-only" : "pr-8 text-lg font-semibold tracking-tight"}>
          {title}
        </h2>
        {children}
        {!bare && (
          <Button
            look="quiet"
            small
            className="absolute top-3 right-3 w-7"
            aria-label="Close"
            onClick={close}
          >
            <Cross />
          </Button>
        )}
      </div>
    </dialog>
  );
}
