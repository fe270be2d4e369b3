/** Reads `text/event-stream` bytes: any chunking, CR, LF or CRLF, UTF-8 cut anywhere. */

export class EventTooLargeError extends Error {}

/**
 * Yields the `data` of each event, lines joined by LF. Comments and other fields are dropped; an event that the end of
 * the stream cuts off is not yielded. Leaving the loop cancels the body.
 * @throws EventTooLargeError when one event has more than `limitChars` characters
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  limitChars: number,
): AsyncGenerator<string, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const feed = createEventFeed(limitChars);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      yield* feed(decoder.decode(value, { stream: !done }));
      if (done) return;
    }
  } finally {
    // Also after a failed read, where cancelling has nothing left to do.
    await reader.cancel().catch(() => {});
  }
}

function createEventFeed(limitChars: number): (text: string) => string[] {
  let rest = "";
  let lines: string[] = [];
  let size = 0;
  let skipLineFeed = false;

  return (text) => {
    const events: string[] = [];
    if (skipLineFeed && text.length > 0) {
      // The CR before the cut has ended its line already: the LF of the same pair is not another one.
      if (text.startsWith("\n")) text = text.slice(1);
      skipLineFeed = false;
    }
    if (!/[\r\n]/.test(text)) {
      // Most pieces of a long line end here: it is looked through once, when its end has come.
      rest += text;
      if (size + rest.length > limitChars) throw new EventTooLargeError();
      return events;
    }
    const parts = (rest + text).split(/\r\n|\r|\n/);
    rest = parts.pop() ?? "";
    if (rest === "" && text.endsWith("\r")) skipLineFeed = true;
    for (const line of parts) {
      if (line === "") {
        if (lines.length > 0) events.push(lines.join("\n"));
        lines = [];
        size = 0;
      } else if (line.startsWith("data:")) {
        lines.push(line.charAt(5) === " " ? line.slice(6) : line.slice(5));
        size += line.length;
      }
      if (size > limitChars) throw new EventTooLargeError();
    }
    if (size + rest.length > limitChars) throw new EventTooLargeError();
    return events;
  };
}
