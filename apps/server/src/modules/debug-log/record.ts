/** A body as text: its beginning, where it is longer than a mebibyte. */
export type DebugBody = { text: string; bytes: number; truncated: boolean };

/** What was asked, as it was sent, and what was told; of a stream one JSON text per line. */
export type DebugBodies = { request: DebugBody; answer: DebugBody };

export type DebugSubject = { appId: string; developerId: string; endUserId: string; requestId: string };

const longestBytes = 1024 * 1024;

/** What one call of an app whose log is on has said so far. */
export type DebugRecord = {
  /** A chunk, the whole body, or the error: JSON. */
  add(part: object): void;
  readonly bodies: DebugBodies;
};

export function createDebugRecord(rawBody: Buffer): DebugRecord {
  const request = cut(rawBody);
  const parts: string[] = [];
  let bytes = 0;
  let kept = 0;
  return {
    add: (part) => {
      const text = JSON.stringify(part);
      const length = Buffer.byteLength(text) + 1;
      bytes += length;
      // What does not fit whole ends the record; its beginning is what a reader needs.
      if (kept >= longestBytes) return;
      kept += length;
      parts.push(text);
    },
    get bodies() {
      const answer = cut(Buffer.from(parts.join("\n")));
      const told = Math.max(0, bytes - 1);
      return { request, answer: { ...answer, bytes: told, truncated: told > longestBytes } };
    },
  };
}

/** A character that is cut in two is left out. */
function cut(body: Buffer): DebugBody {
  const truncated = body.length > longestBytes;
  const text = new TextDecoder().decode(truncated ? body.subarray(0, longestBytes) : body, {
    stream: truncated,
  });
  return { text, bytes: body.length, truncated };
}
