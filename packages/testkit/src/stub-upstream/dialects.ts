import { type AskedFor, type StubStep, streamedAnswer, wholeAnswer } from "./answer.ts";
import { messageError, messageEvents, messageStop, wholeMessage } from "./anthropic-answer.ts";
import type { StubBehaviour } from "./behaviour.ts";

type NamedEvent = { data: unknown; event?: string };

/** In which words the stub carries a behaviour out. */
export type StubDialect = {
  whole(behaviour: StubBehaviour, asked: AskedFor): object;
  /** Without the mark that the answer is done. */
  steps(behaviour: StubBehaviour, asked: AskedFor): StubStep[];
  done: NamedEvent;
  error(status: number, message: string): object;
  errorEvent: NamedEvent;
};

export const openAiDialect: StubDialect = {
  whole: wholeAnswer,
  steps: streamedAnswer,
  done: { data: "[DONE]" },
  error: (_status, message) => ({ error: { message, type: "stub_error", param: null, code: null } }),
  errorEvent: {
    data: { error: { message: "The stub has failed.", type: "server_error", param: null, code: null } },
  },
};

export const anthropicDialect: StubDialect = {
  whole: wholeMessage,
  steps: messageEvents,
  done: { data: messageStop, event: "message_stop" },
  error: messageError,
  errorEvent: { data: messageError(529, "The stub is overloaded."), event: "error" },
};
