import type { EventSourceMessage } from "eventsource-parser";
import type { OutboundBody } from "../../lib/outbound.ts";
import { readStream, type StreamDialect } from "../event-reader.ts";
import { type JsonObject, UpstreamError, type UpstreamEvent } from "../provider.ts";
import { inBandError, isInBandError } from "./failure.ts";

/** The chunks of one streamed answer; ends after `[DONE]` or when upstream closed cleanly. */
export function readEvents(body: OutboundBody, eventLimitBytes: number): AsyncIterable<UpstreamEvent> {
  return readStream(body, eventLimitBytes, new ChunkDialect());
}

class ChunkDialect implements StreamDialect {
  usage: unknown;

  read(event: EventSourceMessage, isLast: boolean): UpstreamEvent[] {
    const text = event.data;
    if (text.trim() === "[DONE]") return [{ type: "done" }];
    const chunk = parseChunk(text);
    if (chunk === null) {
      throw isLast
        ? new UpstreamError("truncated", "the upstream's answer broke off", { usage: this.usage })
        : new UpstreamError("malformed", "an event of the upstream is not a chunk", { usage: this.usage });
    }
    if (typeof chunk.usage === "object" && chunk.usage !== null) this.usage = chunk.usage;
    if (isInBandError(chunk) || event.event === "error") throw inBandError(chunk, this.usage, undefined);
    return [{ type: "chunk", chunk }];
  }

  /** Whoever relays knows whether every choice had ended. */
  closed(): null {
    return null;
  }
}

function parseChunk(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    const chunk = value as JsonObject;
    const choices = chunk.choices;
    return choices === undefined || choices === null || Array.isArray(choices) ? chunk : null;
  } catch {
    return null;
  }
}
