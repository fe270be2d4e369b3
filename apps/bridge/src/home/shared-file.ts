import { statSync } from "node:fs";
import { alone, readText, writeWhole } from "./home.ts";

/** A small JSON file that several processes read and change: what is in memory follows what is on disk. */
export type SharedFile<T> = {
  /** The content as it is on disk now. */
  read(): T;
  /** Changes it and writes it, unless the change gives `null`; nobody else writes meanwhile. */
  change<R>(decide: (content: T) => { content: T; result: R } | { content: null; result: R }): R;
};

export function sharedFile<T>(path: string, parse: (text: string | null) => T): SharedFile<T> {
  let seen: { signature: string; content: T } | null = null;
  const read = (): T => {
    const stat = statSync(path, { throwIfNoEntry: false });
    // Each write is a new file, so the inode changes even within one tick of the clock.
    const signature = stat === undefined ? "none" : `${stat.ino}:${stat.mtimeMs}:${stat.size}`;
    if (seen === null || seen.signature !== signature) seen = { signature, content: parse(readText(path)) };
    return seen.content;
  };
  return {
    read,
    change(decide) {
      return alone(path, () => {
        const { content, result } = decide(read());
        if (content !== null) {
          writeWhole(path, `${JSON.stringify(content, null, 2)}\n`);
          seen = null;
        }
        return result;
      });
    },
  };
}
