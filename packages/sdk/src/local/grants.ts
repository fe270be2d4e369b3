import type { FaucetStorage } from "../options.ts";
import { isPage } from "./place.ts";

/** The token of this origin's grant. From another origin it is worth nothing, so the origin's own storage may keep it. */
export type GrantToken = {
  read(): string | undefined;
  keep(token: string): void;
  forget(): void;
};

/** `storage` null: in memory alone; absent: the page's `localStorage` where there is one. */
export function createGrantToken(bridgeUrl: string, storage: FaucetStorage | null | undefined): GrantToken {
  const name = `modelfaucet:bridge:${bridgeUrl}`;
  let inMemory: string | undefined;
  // A browser may refuse its storage at any moment (blocked, full): the token then lasts as long as the page.
  const withStorage = <T>(work: (storage: FaucetStorage) => T): T | undefined => {
    try {
      const place = storage === undefined && isPage() ? globalThis.localStorage : storage;
      return place ? work(place) : undefined;
    } catch {
      return undefined;
    }
  };
  return {
    // The storage first: another tab of the same origin may have paired anew, which ends the older grant.
    read: () => withStorage((place) => place.getItem(name)) ?? inMemory,
    keep(token) {
      inMemory = token;
      withStorage((place) => place.setItem(name, token));
    },
    forget() {
      inMemory = undefined;
      withStorage((place) => place.removeItem(name));
    },
  };
}
