import { issuerPrefix } from "@modelfaucet/server/config/secrets.ts";

export type FoundSecret = {
  /** The variable that holds it. */
  readonly name: string;
  readonly offset: number;
};

const pieceLength = 12;

/**
 * Searches texts for secrets: any twelve characters in a row of one, so that a cut or wrapped one is found too, and the
 * whole one percent-encoded or as part of something in base64. The first place of each.
 */
export function secretFinder(
  secrets: readonly { readonly name: string; readonly value: string }[],
): (text: string) => FoundSecret[] {
  const pieces = new Map<string, string>();
  // Most places of a text are told apart by three characters, without cutting anything out of it.
  const possible = new Uint8Array(65_536);
  const wholes: { name: string; form: string }[] = [];
  for (const { name, value } of secrets) {
    const body = value.replace(issuerPrefix, "");
    // Only a value with nothing but randomness in it is searched in pieces: those of an address are found anywhere.
    if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) {
      for (let at = 0; at + pieceLength <= body.length; at++) {
        pieces.set(body.slice(at, at + pieceLength), name);
        possible[markAt(body, at)] = 1;
      }
    }
    for (const form of [value, encodeURIComponent(value), ...base64Forms(value)]) wholes.push({ name, form });
  }
  return (text) => {
    const found = new Map<string, number>();
    if (pieces.size > 0) {
      for (let at = 0; at + pieceLength <= text.length; at++) {
        if (possible[markAt(text, at)] === 0) continue;
        const name = pieces.get(text.slice(at, at + pieceLength));
        if (name !== undefined && !found.has(name)) found.set(name, at);
      }
    }
    for (const { name, form } of wholes) {
      const at = found.has(name) ? -1 : text.indexOf(form);
      if (at !== -1) found.set(name, at);
    }
    return [...found].map(([name, offset]) => ({ name, offset }));
  };
}

function markAt(text: string, at: number): number {
  return (
    (text.charCodeAt(at) * 961 + text.charCodeAt(at + 5) * 31 + text.charCodeAt(at + pieceLength - 1)) &
    0xffff
  );
}

/** As it appears inside a longer base64 text, for each of the three places where it may begin; without the borders. */
function base64Forms(value: string): string[] {
  return [0, 1, 2].map((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)]).toString("base64");
    const from = Math.ceil((shift * 8) / 6);
    const whole = Math.floor(((shift + Buffer.byteLength(value)) * 8) / 6);
    return encoded.slice(shift === 0 ? 0 : from, whole);
  });
}
