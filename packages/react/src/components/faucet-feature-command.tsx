import type { RouteMode } from "@modelfaucet/sdk";
import { type FormEvent, useId, useState } from "react";
import { useFaucetFeature } from "../hooks/use-faucet-feature.ts";
import { useFaucetContext } from "../provider.tsx";
import { useResource } from "../stores/resource.ts";
import { rootClass } from "./class-names.ts";
import { ErrorNotice } from "./error-notice.tsx";
import { MarkdownView } from "./markdown-view.tsx";
import { answerNotes } from "./payer.ts";
import { PayerLine, useAsksConsent } from "./payer-line.tsx";

export type FaucetFeatureCommandProps = {
  feature: string;
  model?: string;
  /** Who pays, in place of the user's choice. */
  routeMode?: RouteMode;
  /** Text, or an object as JSON. Default `{}`. */
  initialInput?: string;
  placeholder?: string;
  submitLabel?: string;
  className?: string;
};

/** One command with its input, and its whole answer. */
export function FaucetFeatureCommand(props: FaucetFeatureCommandProps) {
  const { feature, model, routeMode, initialInput = "{}" } = props;
  const { root, stores, text, format } = useFaucetContext();
  const { status, result, error, run, stop } = useFaucetFeature(feature);
  const [input, setInput] = useState(initialInput);
  const [fault, setFault] = useState<string | null>(null);
  const asksConsent = useAsksConsent(feature, routeMode);
  const app = useResource(stores.app).value?.name;
  const [field, faultId] = [useId(), useId()];
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = readInput(input);
    setFault("fault" in read ? read.fault : null);
    if ("fault" in read || asksConsent) return;
    void run(read.input, {
      ...(model === undefined ? {} : { model }),
      ...(routeMode === undefined ? {} : { routeMode }),
    });
  };
  return (
    <section className={rootClass("mf-command", props.className)} {...root}>
      <form className="mf-form mf-composer" onSubmit={submit}>
        <label htmlFor={field}>{text("feature.input")}</label>
        <textarea
          id={field}
          rows={3}
          value={input}
          placeholder={props.placeholder}
          spellCheck={false}
          aria-invalid={fault !== null}
          aria-describedby={fault === null ? undefined : faultId}
          onChange={(event) => {
            setInput(event.target.value);
            setFault(null);
          }}
        />
        {fault !== null && (
          <p id={faultId} className="mf-error" role="alert">
            {text("feature.invalid", { fault })}
          </p>
        )}
        <PayerLine feature={feature} model={model} routeMode={routeMode} input={input} />
        <div className="mf-actions">
          {/* The keys keep these apart: a click on Stop must not become a press of Run. */}
          {status === "running" ? (
            <button key="stop" type="button" className="mf-button" onClick={stop}>
              {text("chat.stop")}
            </button>
          ) : (
            <button
              key="submit"
              type="submit"
              className="mf-button mf-primary"
              disabled={asksConsent || input.trim() === ""}
            >
              {props.submitLabel ?? text("feature.submit")}
            </button>
          )}
        </div>
      </form>
      {error && <ErrorNotice error={error} />}
      <div className="mf-log" aria-live="polite" aria-busy={status === "running"}>
        {result && (
          <article className="mf-message mf-assistant" aria-label={text("chat.answer")}>
            <MarkdownView text={result.text === "" ? text("chat.empty") : result.text} />
            {answerNotes(result.modelfaucet, { app, text, format }).map((note) => (
              <p key={note} className="mf-note">
                {note}
              </p>
            ))}
          </article>
        )}
        {status === "stopped" && <p className="mf-note">{text("stopped.unknown")}</p>}
      </div>
    </section>
  );
}

type ReadInput = { input: string | Record<string, unknown> } | { fault: string };

/** Text that starts with `{` is meant as an object, so it must be one. */
function readInput(written: string): ReadInput {
  const input = written.trim();
  if (!input.startsWith("{")) return { input };
  try {
    return { input: JSON.parse(input) as Record<string, unknown> };
  } catch (error) {
    return { fault: error instanceof Error ? error.message : "" };
  }
}
