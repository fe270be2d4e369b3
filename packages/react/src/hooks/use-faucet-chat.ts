import {
  type ChatMessage,
  type FaucetChatInput,
  type FaucetClient,
  type FaucetError,
  FaucetStreamError,
  type FaucetStreamResult,
  type RouteMode,
} from "@modelfaucet/sdk";
import { useCallback, useEffect, useRef, useState } from "react";
import { useFaucetContext } from "../provider.tsx";
import { errorOf } from "../stores/resource.ts";

export type FaucetChatOptions = {
  feature: string;
  model?: string | undefined;
  /** In place of the user's choice; absent: who pays is what the user has chosen. */
  routeMode?: RouteMode | undefined;
  /** `true`: earlier questions and answers go along with each call. Default: one answer at a time. */
  history?: boolean;
};

export type FaucetChatStatus = "idle" | "asking" | "streaming" | "done" | "stopped" | "failed";

/** What an answer that ended early has taken; without a charge until the books say so, which takes about a second. */
export type FaucetStopped = { requestId?: string; chargeUsd?: string; receiptId?: string; local: boolean };

type FaucetChatState = {
  messages: readonly ChatMessage[];
  /** Of the answer that is being written, or of the last one. */
  text: string;
  status: FaucetChatStatus;
  error: FaucetError | null;
  /** Whose turn it is to pay for the call that runs, from its first byte on. */
  paying: { routeMode: RouteMode; model: string; holdUsd?: string } | null;
  result: FaucetStreamResult | null;
  stopped: FaucetStopped | null;
};

type FaucetChatInputMore = Pick<FaucetChatInput, "maxOutputTokens" | "body" | "messages">;

export type FaucetChatHook = FaucetChatState & {
  /** Asks. While an answer is being written it does nothing. Never throws: what went wrong is in `error`. */
  send(
    input: string | Record<string, unknown>,
    more?: FaucetChatInputMore,
  ): Promise<FaucetStreamResult | null>;
  /** Ends the call; what was produced until then is charged. */
  stop(): void;
};

const nothing: FaucetChatState = {
  messages: [],
  text: "",
  status: "idle",
  error: null,
  paying: null,
  result: null,
  stopped: null,
};

export function useFaucetChat(options: FaucetChatOptions): FaucetChatHook {
  const { client, stores } = useFaucetContext();
  const [state, setState] = useState(nothing);
  const running = useRef<AbortController | null>(null);
  const latest = useRef({ state, options });
  useEffect(() => {
    latest.current = { state, options };
  });
  const shown = useRef<AbortSignal | null>(null);
  useEffect(() => {
    const life = new AbortController();
    shown.current = life.signal;
    return () => {
      life.abort();
      running.current?.abort();
      running.current = null;
    };
  }, []);

  const stop = useCallback(() => running.current?.abort(), []);
  const send = useCallback<FaucetChatHook["send"]>(
    async (input, more = {}) => {
      if (running.current !== null) return null;
      const own = new AbortController();
      running.current = own;
      const isShown = () => running.current === own;
      const change = (next: Partial<FaucetChatState>) => setState((before) => ({ ...before, ...next }));
      const { options: asked, state: before } = latest.current;
      const question = questionOf(input);
      const messages = asked.history ? [...before.messages, question] : [question];
      change({ ...nothing, messages, status: "asking" });
      const { result, error, text } = await answer(
        client,
        {
          ...more,
          feature: asked.feature,
          messages: [...(more.messages ?? []), ...messages],
          signal: own.signal,
          ...(asked.model === undefined ? {} : { model: asked.model }),
          ...(asked.routeMode === undefined ? {} : { routeMode: asked.routeMode }),
        },
        (next) => {
          if (!isShown()) return;
          change(next);
          if (next.paying?.holdUsd !== undefined) stores.wallet.refresh();
        },
      );
      // Nobody is there any more to be told.
      if (!isShown()) return result;
      running.current = null;
      const written: ChatMessage[] = text === "" ? [] : [{ role: "assistant", content: text }];
      if (result) {
        change({ status: "done", text, result, messages: [...messages, ...written] });
      } else if (error?.code === "aborted") {
        const stopped = endedEarly(error, latest.current.state);
        change({ status: "stopped", text, stopped, messages: [...messages, ...written] });
        void tellCharge(client, stopped, shown.current, (told) => setState((now) => withCharge(now, told)));
      } else {
        // What had begun to come may be charged, for example where an operator has suspended the app meanwhile.
        const broken = error instanceof FaucetStreamError ? endedEarly(error, latest.current.state) : null;
        change({ status: "failed", text, error, stopped: broken });
        if (broken)
          void tellCharge(client, broken, shown.current, (told) => setState((now) => withCharge(now, told)));
      }
      return result;
    },
    [client, stores],
  );
  return { ...state, send, stop };
}

function endedEarly({ requestId }: FaucetError, { paying }: FaucetChatState): FaucetStopped {
  return { local: paying?.routeMode === "local", ...(requestId ? { requestId } : {}) };
}

type Answer = { result: FaucetStreamResult | null; error: FaucetError | null; text: string };

/** One answer, told piece by piece. Never throws. */
async function answer(
  client: FaucetClient,
  input: Omit<FaucetChatInput, "stream">,
  told: (change: Partial<FaucetChatState>) => void,
): Promise<Answer> {
  let text = "";
  try {
    const stream = client.stream(input);
    for await (const event of stream) {
      if (event.type === "start") {
        const { routeMode, model, holdUsd } = event;
        told({ paying: { routeMode, model, ...(holdUsd === undefined ? {} : { holdUsd }) } });
      } else if (event.type === "text" && event.choice === undefined) {
        text += event.delta;
        told({ status: "streaming", text });
      }
    }
    return { result: await stream.final(), error: null, text };
  } catch (caught) {
    const error = errorOf(caught);
    return { result: null, error, text: error instanceof FaucetStreamError ? error.partialText : text };
  }
}

function questionOf(input: string | Record<string, unknown>): ChatMessage {
  return { role: "user", content: typeof input === "string" ? input : JSON.stringify(input) };
}

const chargeTries = 20;
const chargePauseMs = 250;

/** A request that ended early is settled within a second; its charge is read from the books, not guessed. */
async function tellCharge(
  client: FaucetClient,
  { requestId, local }: FaucetStopped,
  signal: AbortSignal | null,
  told: (stopped: FaucetStopped) => void,
): Promise<void> {
  if (requestId === undefined || local || signal === null) return;
  for (let tries = 0; tries < chargeTries && !signal.aborted; tries += 1) {
    const items = await client.usage({ requestId, signal }).then(
      (list) => list.items,
      () => [],
    );
    const item = items[0];
    if (item && item.status !== "pending") {
      const receipt = item.receipt_id === undefined ? {} : { receiptId: item.receipt_id };
      told({ requestId, local, chargeUsd: item.charge_usd, ...receipt });
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, chargePauseMs));
  }
}

/** Only where the same answer still is the last one. */
function withCharge(state: FaucetChatState, told: FaucetStopped): FaucetChatState {
  return state.stopped?.requestId === told.requestId ? { ...state, stopped: told } : state;
}
