import type { EventSourceMessage } from "eventsource-parser";
import type { StreamDialect } from "../event-reader.ts";
import { type JsonObject, UpstreamError, type UpstreamEvent } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import { inBandError } from "./failure.ts";
import { finishReasonOf } from "./stop-reasons.ts";
import { StreamedBlocks } from "./streamed-blocks.ts";
import { UsageSoFar } from "./usage.ts";

/**
 * Anthropic's events as the chunks of a chat completion. Events and deltas of kinds that are not known are passed over,
 * as Anthropic asks of its clients.
 * Source: https://platform.claude.com/docs/en/build-with-claude/streaming, read November 2026.
 */
export class MessageEvents implements StreamDialect {
  /** Final counts alone: what `message_start` tells of output would make an answer that is broken off almost free. */
  usage: unknown;
  #soFar = new UsageSoFar();
  #blocks = new StreamedBlocks();
  #head: JsonObject = { object: "chat.completion.chunk", created: Math.floor(Date.now() / 1000) };
  #isAnswered = false;

  read(event: EventSourceMessage, isLast: boolean): UpstreamEvent[] {
    const said = this.#parse(event, isLast);
    switch (said.type ?? event.event) {
      case "message_start":
        return this.#start(said.message);
      case "content_block_start":
        return this.#deltas(this.#blocks.start(said.index, said.content_block));
      case "content_block_delta":
        return this.#deltas(this.#blocks.add(said.index, said.delta));
      case "content_block_stop":
        return this.#deltas(this.#blocks.stop(said.index));
      case "message_delta":
        return this.#finish(said);
      case "message_stop":
        return [{ type: "done" }];
      case "error":
        throw inBandError(said, this.usage, undefined);
      default:
        if (isObject(said.error)) throw inBandError(said, this.usage, undefined);
        return [];
    }
  }

  /** A connection that closes cleanly proves nothing here: upstream always says that its message is over. */
  closed(): UpstreamError | null {
    if (this.#isAnswered) return null;
    return new UpstreamError("truncated", "the stream ended before the answer did", { usage: this.usage });
  }

  #start(message: unknown): UpstreamEvent[] {
    if (!isObject(message)) return this.#malformed();
    this.#soFar.begin(message.usage);
    this.#head = { id: message.id, ...this.#head, model: message.model };
    return this.#deltas([{ role: "assistant", content: "" }]);
  }

  #finish(said: JsonObject): UpstreamEvent[] {
    const delta = isObject(said.delta) ? said.delta : {};
    const usage = isObject(said.usage) ? this.#count(said.usage) : undefined;
    const finish_reason = finishReasonOf(delta.stop_reason);
    if (finish_reason === null) {
      return usage === undefined ? [] : [{ type: "chunk", chunk: { ...this.#head, choices: [], usage } }];
    }
    this.#isAnswered = true;
    const events = this.#deltas(this.#blocks.closing());
    const choice = { index: 0, delta: {}, finish_reason, native_finish_reason: delta.stop_reason };
    const chunk = { ...this.#head, choices: [choice], ...(usage === undefined ? {} : { usage }) };
    return [...events, { type: "chunk", chunk }];
  }

  #count(usage: JsonObject): JsonObject {
    this.#soFar.add(usage);
    const { total } = this.#soFar;
    this.usage = total;
    return total;
  }

  #deltas(deltas: readonly JsonObject[] | null): UpstreamEvent[] {
    if (deltas === null) return this.#malformed();
    return deltas.map((delta) => ({
      type: "chunk",
      chunk: { ...this.#head, choices: [{ index: 0, delta, finish_reason: null }] },
    }));
  }

  #parse(event: EventSourceMessage, isLast: boolean): JsonObject {
    try {
      const said: unknown = JSON.parse(event.data);
      if (isObject(said)) return said;
    } catch {
      if (isLast) {
        throw new UpstreamError("truncated", "the upstream's answer broke off", { usage: this.usage });
      }
    }
    return this.#malformed();
  }

  #malformed(): never {
    throw new UpstreamError("malformed", "an event of the upstream is not one of a message", {
      usage: this.usage,
    });
  }
}
