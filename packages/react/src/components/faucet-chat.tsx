import type { ChatMessage, FaucetError, FaucetStreamResult, RouteMode } from "@modelfaucet/sdk";
import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { type Format, isZero } from "../format.ts";
import { type FaucetChatHook, type FaucetStopped, useFaucetChat } from "../hooks/use-faucet-chat.ts";
import { useFaucetContext } from "../provider.tsx";
import { useResource } from "../stores/resource.ts";
import type { Text } from "../texts/text.ts";
import { rootClass } from "./class-names.ts";
import { ErrorNotice } from "./error-notice.tsx";
import { FaucetUsage } from "./faucet-usage.tsx";
import { MarkdownView } from "./markdown-view.tsx";
import { answerNotes } from "./payer.ts";
import { PayerLine, useAsksConsent } from "./payer-line.tsx";

export type FaucetChatProps = {
  feature: string;
  model?: string;
  placeholder?: string;
  submitLabel?: string;
  initialInput?: string;
  className?: string;
  /** Who pays, in place of the user's choice. */
  routeMode?: RouteMode;
  /** Earlier questions and answers stay, and go along with each call. Default: one answer. */
  history?: boolean;
  /** What the answer has cost, line by line. */
  showUsage?: boolean;
  /** Prices per million tokens, beside the estimate that is always there. */
  showPrice?: boolean;
  onFinish?: (result: FaucetStreamResult) => void;
  onError?: (error: FaucetError) => void;
};

/** A question, who pays for it and how much, and the answer as it is written. */
export function FaucetChat(props: FaucetChatProps) {
  const { feature, model, routeMode, history = false, initialInput = "", showUsage, showPrice } = props;
  const { root, text } = useFaucetContext();
  const chat = useFaucetChat({ feature, model, routeMode, history });
  const [input, setInput] = useState(initialInput);
  const asksConsent = useAsksConsent(feature, routeMode);
  const field = useId();
  const writing = chat.status === "asking" || chat.status === "streaming";
  const { onError, onFinish } = props;
  const told = useRef<unknown>(null);
  useEffect(() => {
    const news = chat.error ?? chat.result;
    if (news === null || told.current === news) return;
    told.current = news;
    if (chat.error) onError?.(chat.error);
    else if (chat.result) onFinish?.(chat.result);
  }, [chat.error, chat.result, onError, onFinish]);

  const question = input.trim();
  const ask = () => {
    if (question === "" || writing || asksConsent) return;
    void chat.send(question);
    if (history) setInput("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While a word is being put together from several keys, Enter ends the word and not the question.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    ask();
  };
  const sent = [...(history ? chat.messages : []).map(({ content }) => content), input].join("\n");
  return (
    <section className={rootClass("mf-chat", props.className)} {...root}>
      <Log chat={chat} history={history} />
      {chat.error && <ErrorNotice error={chat.error} retry={question === "" ? undefined : ask} />}
      {showUsage && chat.result && <FaucetUsage result={chat.result} />}
      <form
        className="mf-form mf-composer"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          ask();
        }}
      >
        <label htmlFor={field}>{text("chat.prompt")}</label>
        <textarea
          id={field}
          rows={3}
          value={input}
          placeholder={props.placeholder ?? text("chat.placeholder")}
          onChange={(event) => setInput(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <PayerLine feature={feature} model={model} routeMode={routeMode} input={sent} showPrice={showPrice} />
        <div className="mf-actions">
          {/* The key keeps these apart: a click on Stop must not become a press of Send. */}
          {writing ? (
            <button key="stop" type="button" className="mf-button" onClick={chat.stop}>
              {text("chat.stop")}
            </button>
          ) : (
            <button type="submit" className="mf-button mf-primary" disabled={question === "" || asksConsent}>
              {props.submitLabel ?? text("chat.submit")}
            </button>
          )}
        </div>
      </form>
    </section>
  );
}

/** Read out once an answer is whole: a voice cannot follow a text that grows by the word. */
function Log({ chat, history }: { chat: FaucetChatHook; history: boolean }) {
  const { text } = useFaucetContext();
  const writing = chat.status === "asking" || chat.status === "streaming";
  const earlier = history ? earlierOf(chat, writing) : [];
  return (
    <div className="mf-log" aria-live="polite" aria-busy={writing} role="log">
      {earlier.map((message, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: messages are only ever added at the end
        <article key={at} className={`mf-message mf-${message.role}`} aria-label={speaker(message, text)}>
          {typeof message.content === "string" && <MarkdownView text={message.content} />}
        </article>
      ))}
      {chat.status !== "idle" && (
        <article className="mf-message mf-assistant" aria-label={text("chat.answer")}>
          {chat.text !== "" && <MarkdownView text={chat.text} />}
          {writing && <p className="mf-note">{text("chat.writing")}</p>}
          <Outcome chat={chat} />
        </article>
      )}
    </div>
  );
}

/** What stands above the answer of the last question. */
function earlierOf({ messages, status }: FaucetChatHook, writing: boolean): readonly ChatMessage[] {
  if (writing || status === "failed") return messages;
  return messages.at(-1)?.role === "assistant" ? messages.slice(0, -1) : messages;
}

/** What the answer has cost, and what has to be said about it. */
function Outcome({ chat }: { chat: FaucetChatHook }) {
  const { stores, text, format } = useFaucetContext();
  const app = useResource(stores.app).value?.name;
  const { paying, result, stopped, status } = chat;
  const notes: string[] = [];
  if (status !== "done" && status !== "stopped" && paying?.holdUsd !== undefined && status !== "failed")
    notes.push(text("held.writing", { held: format.usd(paying.holdUsd) }));
  if (result) {
    if (result.text === "" && result.toolCalls.length === 0) notes.push(text("chat.empty"));
    notes.push(...answerNotes(result.modelfaucet, { app, text, format }));
  }
  if (stopped) notes.push(stoppedNote(stopped, status === "failed", text, format));
  return (
    <>
      {notes.map((note) => (
        <p key={note} className="mf-note">
          {note}
        </p>
      ))}
    </>
  );
}

function stoppedNote(
  { local, chargeUsd }: FaucetStopped,
  failed: boolean,
  text: Text,
  format: Format,
): string {
  if (local) return text("stopped.local");
  if (chargeUsd === undefined) return text("stopped.unknown");
  return failed && isZero(chargeUsd)
    ? text("failed.free")
    : text("stopped", { charge: format.usd(chargeUsd) });
}

function speaker({ role }: ChatMessage, text: Text): string {
  return text(role === "user" ? "chat.you" : "chat.answer");
}
