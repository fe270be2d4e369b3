import type { FaucetError, FaucetList } from "@modelfaucet/sdk";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createResource, errorOf, useResource } from "../stores/resource.ts";

export type FaucetListHook<Item> = {
  items: readonly Item[];
  loading: boolean;
  error: FaucetError | null;
  /** Whether the server has more than is here. */
  hasMore: boolean;
  /** Reads the next page to the end of `items`. */
  more(): Promise<void>;
  refresh(): Promise<void>;
};

type ReadPage<Item> = (query: { cursor?: string; signal: AbortSignal }) => Promise<FaucetList<Item>>;
type Later<Item> = { of: FaucetList<Item>; items: Item[]; cursor: string | null; error: FaucetError | null };

/** A list of the server, page after page. `key` says what it is a list of: another key starts anew. */
export function useList<Item>(read: ReadPage<Item>, key: string): FaucetListHook<Item> {
  const latest = useRef(read);
  useEffect(() => {
    latest.current = read;
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key stands for all that the reading depends on
  const resource = useMemo(() => createResource((signal) => latest.current({ signal })), [key]);
  const { value: first, loading, error } = useResource(resource);
  const [later, setLater] = useState<Later<Item> | null>(null);
  const reading = useRef<AbortController | null>(null);
  useEffect(() => () => reading.current?.abort(), []);

  // Later pages belong to the first page that they follow; a refreshed first page starts anew.
  const following = later !== null && later.of === first ? later : null;
  const cursor = following ? following.cursor : (first?.next_cursor ?? null);
  const more = useCallback(async () => {
    if (first === undefined || cursor === null || reading.current !== null) return;
    const own = new AbortController();
    reading.current = own;
    try {
      const page = await latest.current({ cursor, signal: own.signal });
      setLater((before) => ({
        of: first,
        items: [...(before?.of === first ? before.items : []), ...page.items],
        cursor: page.next_cursor,
        error: null,
      }));
    } catch (caught) {
      const failure = errorOf(caught);
      if (!own.signal.aborted)
        setLater((before) => ({
          of: first,
          items: before?.of === first ? before.items : [],
          cursor,
          error: failure,
        }));
    } finally {
      reading.current = null;
    }
  }, [first, cursor]);
  const items = useMemo(() => [...(first?.items ?? []), ...(following?.items ?? [])], [first, following]);
  return {
    items,
    loading,
    error: error ?? following?.error ?? null,
    hasMore: cursor !== null,
    more,
    refresh: resource.refresh,
  };
}
