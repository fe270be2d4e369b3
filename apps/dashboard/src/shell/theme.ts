import { useSyncExternalStore } from "react";

const key = "modelfaucet:theme";

export type Theme = "light" | "dark";

/** The theme in force: the chosen one, else the system's. */
export function useTheme(): Theme {
  return useSyncExternalStore(subscribe, current);
}

/** Changes to the other one and keeps the choice; `public/theme.js` reads it before the first paint. */
export function toggleTheme(): void {
  const next: Theme = current() === "dark" ? "light" : "dark";
  localStorage.setItem(key, next);
  document.documentElement.dataset.theme = next;
}

function current(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function subscribe(listener: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = new MutationObserver(listener);
  system.addEventListener("change", listener);
  chosen.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  return () => {
    system.removeEventListener("change", listener);
    chosen.disconnect();
  };
}
