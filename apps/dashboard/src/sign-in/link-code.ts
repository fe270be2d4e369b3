/**
 * The code of a one-time link sits in the URL's fragment, which no server and no referrer ever sees. It is taken out of
 * the address before anything else runs, so that it is in no history entry either.
 */
let code: string | null = null;

/** Moves the code from the address into memory; a link that is opened where this page is open already begins it anew. */
export function takeLinkCode(): void {
  addEventListener("hashchange", () => {
    if (location.pathname === "/sign-in" && codeIn(location.hash) !== null) location.reload();
  });
  if (location.pathname !== "/sign-in" || location.hash.length < 2) return;
  code = codeIn(location.hash);
  history.replaceState(null, "", location.pathname + location.search);
}

export function linkCodeWaits(): boolean {
  return code !== null;
}

/** The code, once: a second use would be refused anyway. */
export function spendLinkCode(): string | null {
  const taken = code;
  code = null;
  return taken;
}

/** The code in `#code=…`. */
export function codeIn(hash: string): string | null {
  return new URLSearchParams(hash.replace(/^#/, "")).get("code") || null;
}
