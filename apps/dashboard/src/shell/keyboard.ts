/**
 * The keys of the console, by what stands in the page: rows carry `data-row`, the way up `data-up`, the neighbours of
 * a page `data-next` and `data-previous`, the field to search in `data-search`. Single keys work while nothing is being
 * typed and no dialog is open; whoever speaks to the page can turn them off.
 */
export const keys = [
  ["Ctrl K", "Go anywhere"],
  ["/", "Search in this list"],
  ["j", "Next row or page"],
  ["k", "Row or page before"],
  ["Enter", "Open the row"],
  ["Esc", "Close, or go up"],
  ["?", "These keys"],
] as const;

export type Opens = { openPalette: () => void; openKeys: () => void };

const storageKey = "modelfaucet:keys";

export function singleKeysOn(): boolean {
  return localStorage.getItem(storageKey) !== "off";
}

export function setSingleKeys(on: boolean): void {
  localStorage.setItem(storageKey, on ? "on" : "off");
}

export function onKey(event: KeyboardEvent, opens: Opens): void {
  if (
    event.key.toLowerCase() === "k" &&
    (event.metaKey || event.ctrlKey) &&
    !event.altKey &&
    !event.shiftKey
  ) {
    event.preventDefault();
    if (!isDialogOpen()) opens.openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isDialogOpen()) return;
  if (event.key === "Escape") {
    leave(event);
    return;
  }
  if (!singleKeysOn() || isTyping(event.target)) return;
  const act = actOf(event.key, opens);
  if (act?.()) event.preventDefault();
}

function actOf(key: string, opens: Opens): (() => boolean) | undefined {
  switch (key) {
    case "j":
      return () => click("[data-next]") || step(1);
    case "k":
      return () => click("[data-previous]") || step(-1);
    case "/":
      return focusSearch;
    case "?":
      return () => {
        opens.openKeys();
        return true;
      };
    default:
      return undefined;
  }
}

// What is being typed in is left first; only the next Esc leaves the page.
function leave(event: KeyboardEvent): void {
  const focused = document.activeElement;
  if (isTyping(focused)) (focused as HTMLElement).blur();
  else if (!click("[data-up]")) return;
  event.preventDefault();
}

/** Focuses the first link or button of the row after or before the one that has the focus. */
function step(by: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")].filter(
    (row) => row.offsetParent !== null,
  );
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const chosen = at < 0 ? rows.findIndex((row) => row.getAttribute("aria-current") === "true") : at;
  const next =
    chosen < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, chosen + by));
  const target = rows[next]?.querySelector<HTMLElement>("a, button");
  target?.focus();
  target?.scrollIntoView({ block: "nearest" });
  return target !== undefined;
}

function focusSearch(): boolean {
  const field = document.querySelector<HTMLInputElement>("[data-search]");
  field?.focus();
  field?.select();
  return field !== null;
}

function click(selector: string): boolean {
  const target = document.querySelector<HTMLElement>(selector);
  target?.click();
  return target !== null;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}

function isDialogOpen(): boolean {
  return document.querySelector("dialog[open]") !== null;
}
