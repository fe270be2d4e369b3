/**
 * Longest piece that is given to the tokenizer at once. Measured with gpt-tokenizer 4.0 in November 2026: 16,384 times
 * one Chinese character without a break take half a second, 2,048 take 15 ms.
 */
const segmentCharactersMax = 2048;
const searchBackCharacters = 256;

/** Cuts a text into pieces of bounded length, before a space where one is near, never inside a character. */
export function* segments(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    const end = endOfSegment(text, start);
    yield text.slice(start, end);
    start = end;
  }
}

function endOfSegment(text: string, start: number): number {
  const end = start + segmentCharactersMax;
  if (end >= text.length) return text.length;
  const space = text.lastIndexOf(" ", end);
  if (space > end - searchBackCharacters) return space;
  const last = text.charCodeAt(end - 1);
  return last >= 0xd800 && last <= 0xdbff ? end - 1 : end;
}
