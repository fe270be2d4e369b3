import type { FaucetError, FaucetLocalModel } from "@modelfaucet/sdk";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { type FaucetLocalBridgeHook, useLocalBridge } from "../hooks/use-local-bridge.ts";
import { useFaucetContext } from "../provider.tsx";
import type { Text } from "../texts/text.ts";
import { rootClass } from "./class-names.ts";
import { ErrorNotice } from "./error-notice.tsx";

export type FaucetLocalBridgeProps = {
  /** Called when a code was right and the models are known. */
  onPaired?: () => void;
  className?: string;
};

/**
 * The bridge on the user's computer: what stands in the way and the next step, the code, the models. It looks by itself only
 * where the browser need not ask anybody; else in a click.
 */
export function FaucetLocalBridge({ onPaired, className }: FaucetLocalBridgeProps) {
  const { root, text } = useFaucetContext();
  const bridge = useLocalBridge();
  const { detect, state } = bridge;
  const title = useId();
  useEffect(() => {
    void detect();
  }, [detect]);
  return (
    <section
      className={rootClass("mf-bridge", className)}
      {...root}
      data-state={state}
      aria-labelledby={title}
      aria-busy={state === "checking"}
    >
      <h3 id={title} className="mf-title">
        {text("local.title")}
      </h3>
      <p className="mf-note" aria-live="polite">
        {stateText(bridge, text)}
      </p>
      {bridge.pairing && <CodeForm bridge={bridge} onPaired={onPaired} />}
      {state === "ready" && <Models bridge={bridge} />}
      {bridge.error && bridge.error.code !== "invalid_pairing_code" && <ErrorNotice error={bridge.error} />}
      {bridge.error?.code === "invalid_pairing_code" && (
        <p className="mf-error" role="alert">
          {codeText(bridge.error, text)}
        </p>
      )}
      <div className="mf-actions">
        <NextStep bridge={bridge} />
      </div>
    </section>
  );
}

function NextStep({ bridge }: { bridge: FaucetLocalBridgeHook }) {
  const { text } = useFaucetContext();
  const { state, detect, pair, unpair, pairing } = bridge;
  if (state === "ready") {
    return (
      <>
        <button type="button" className="mf-button" onClick={() => void detect({ prompt: true })}>
          {text("local.again")}
        </button>
        <button type="button" className="mf-button" onClick={() => void unpair()}>
          {text("local.unpair")}
        </button>
      </>
    );
  }
  if (state === "pairing") {
    return (
      <button
        type="button"
        className={pairing ? "mf-button" : "mf-button mf-primary"}
        onClick={() => void pair()}
      >
        {text(pairing ? "local.code.again" : "local.pair")}
      </button>
    );
  }
  if (state === "unsupported") return null;
  return (
    <button
      type="button"
      className="mf-button mf-primary"
      disabled={state === "checking"}
      onClick={() => void detect({ prompt: true })}
    >
      {text(state === "checking" ? "local.checking" : "local.check")}
    </button>
  );
}

/** `XXXX-XXXX`, from the terminal of the computer in front of the user. */
function CodeForm({
  bridge: { submit, submitting },
  onPaired,
}: {
  bridge: FaucetLocalBridgeHook;
  onPaired: (() => void) | undefined;
}) {
  const { text } = useFaucetContext();
  const [code, setCode] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => field.current?.focus(), []);
  const enter = async (event: FormEvent) => {
    event.preventDefault();
    if (submitting || code.trim() === "") return;
    if (await submit(code.trim().toUpperCase())) onPaired?.();
    else field.current?.select();
  };
  return (
    <form className="mf-form mf-code" onSubmit={(event) => void enter(event)}>
      <label htmlFor={id}>{text("local.code")}</label>
      <input
        ref={field}
        id={id}
        value={code}
        autoComplete="one-time-code"
        spellCheck={false}
        maxLength={16}
        placeholder="XXXX-XXXX"
        onChange={(event) => setCode(event.target.value)}
      />
      <button type="submit" className="mf-button mf-primary" disabled={submitting || code.trim() === ""}>
        {text("local.code.submit")}
      </button>
    </form>
  );
}

function Models({ bridge: { models } }: { bridge: FaucetLocalBridgeHook }) {
  const { client, text, format } = useFaucetContext();
  const unreported = client.local.pendingUsageReports().length;
  if (models.length === 0) return <p className="mf-note">{text("local.models.none")}</p>;
  return (
    <>
      <h4 className="mf-subtitle">{text("local.models")}</h4>
      <ul className="mf-models">
        {models.map((model) => (
          <li key={model.id}>
            <code>{model.id}</code> {model.remote && <b>{text("local.remote.mark")} </b>}
            <span className="mf-hint">{contextOf(model, format.count)}</span>
          </li>
        ))}
      </ul>
      {unreported > 0 && <p className="mf-note">{text("local.unreported", { count: String(unreported) })}</p>}
    </>
  );
}

function contextOf({ context_length: length }: FaucetLocalModel, count: (value: number) => string): string {
  return length === undefined ? "" : count(length);
}

function stateText({ state, pairing }: FaucetLocalBridgeHook, text: Text): string {
  switch (state) {
    case "unknown":
      return "";
    case "checking":
      return text("local.checking");
    case "ready":
      return text("local.ready");
    case "pairing":
      return pairing
        ? text("local.pairing.waiting", { origin: typeof location === "undefined" ? "" : location.origin })
        : text("local.pairing");
    default:
      return text(`local.${state}`);
  }
}

function codeText(error: FaucetError, text: Text): string {
  const left = error.details.attempts_left;
  if (error.details.reason === "wrong" && typeof left === "number" && left > 0)
    return text("local.code.wrong", { left: String(left) });
  return text("local.code.expired");
}
