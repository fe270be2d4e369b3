import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { StubBehaviour } from "./behaviour.ts";

/** One event as it goes over the wire, with its name where it has one. `data` is JSON or `[DONE]`. */
export function eventText(data: unknown, behaviour: StubBehaviour, name?: string): string {
  const end = behaviour.lineEnd ?? "\n";
  const field = behaviour.noSpace === true ? "data:" : "data: ";
  const comment = behaviour.comments === true ? `: STILL WORKING${end}` : "";
  let lines: string[];
  if (typeof data === "string") lines = [data];
  else if (behaviour.multiLine === true) lines = JSON.stringify(data, null, 1).split("\n");
  else lines = [JSON.stringify(data)];
  // A comment may stand between two events and between two lines of one.
  const head = name === undefined ? "" : `event:${behaviour.noSpace === true ? "" : " "}${name}${end}`;
  return `${comment && comment + end}${head}${lines.map((line) => field + line + end).join(comment)}${end}`;
}

export function encode(body: Buffer, encoding: StubBehaviour["encoding"]): Buffer {
  if (encoding === "gzip") return gzipSync(body);
  if (encoding === "br") return brotliCompressSync(body);
  if (encoding === "deflate") return deflateSync(body);
  return body;
}

/** The body in the pieces that the behaviour asks for; `null` when it asks for none. */
export function cut(body: Buffer, behaviour: StubBehaviour): Buffer[] | null {
  const offsets = [...(behaviour.cutAt ?? [])];
  if (behaviour.cutEvery !== undefined) {
    for (let offset = behaviour.cutEvery; offset < body.length; offset += behaviour.cutEvery)
      offsets.push(offset);
  }
  if (offsets.length === 0) return null;
  const pieces: Buffer[] = [];
  let start = 0;
  for (const offset of [...offsets.sort((a, b) => a - b), body.length]) {
    if (offset > start && offset <= body.length) pieces.push(body.subarray(start, offset));
    start = Math.max(start, Math.min(offset, body.length));
  }
  return pieces;
}
