import type { FaucetError, FaucetProviderKey } from "@modelfaucet/sdk";
import { type FormEvent, useId, useRef, useState } from "react";
import { useByokKeys } from "../hooks/use-byok-keys.ts";
import { useModes } from "../hooks/use-modes.ts";
import { useFaucetContext } from "../provider.tsx";
import { defaultProviders, needsAddress, providerName } from "../providers.ts";
import { errorOf, useResource } from "../stores/resource.ts";
import { ByokKeys } from "./byok-keys.tsx";
import { rootClass } from "./class-names.ts";
import { ErrorNotice } from "./error-notice.tsx";
import { byokDisclosure } from "./payer.ts";

export type FaucetByokFormProps = {
  /** Ids of providers to choose from, the first one chosen. Default: all that the server takes. */
  providers?: readonly string[];
  /** Whose fee is shown and agreed to. Absent: the highest one of the app. */
  feature?: string;
  onAdded?: (key: FaucetProviderKey) => void;
  className?: string;
};

/** The user's own provider keys: masked, testable, removable, and a form for another one. */
export function FaucetByokForm({
  providers = defaultProviders,
  feature,
  onAdded,
  className,
}: FaucetByokFormProps) {
  const { root, text } = useFaucetContext();
  const { keys, known, error, refresh } = useByokKeys();
  const [saved, setSaved] = useState<FaucetProviderKey | null>(null);
  const [asked, setAsked] = useState(false);
  const open = asked || (known && keys.length === 0);
  const title = useId();
  const added = (key: FaucetProviderKey) => {
    setSaved(key);
    setAsked(false);
    onAdded?.(key);
  };
  return (
    <section className={rootClass("mf-byok", className)} {...root} aria-labelledby={title}>
      <h3 id={title} className="mf-title">
        {text("byok.title")}
      </h3>
      {error && !known && <ErrorNotice error={error} retry={() => void refresh()} />}
      <ByokKeys />
      <p className="mf-note" aria-live="polite">
        {saved && !open ? text("byok.saved", { masked: saved.masked }) : ""}
      </p>
      {open ? (
        <KeyForm providers={providers} feature={feature} added={added} />
      ) : (
        known && (
          <button type="button" className="mf-button" onClick={() => setAsked(true)}>
            {text("byok.another")}
          </button>
        )
      )}
    </section>
  );
}

type KeyFormProps = {
  providers: readonly string[];
  feature: string | undefined;
  added: (key: FaucetProviderKey) => void;
};

/** The key is in its field alone, never in the state of a component, and leaves the field when it is sent. */
function KeyForm({ providers, feature, added }: KeyFormProps) {
  const { stores, text, format } = useFaucetContext();
  const { add } = useByokKeys();
  const { modes } = useModes(feature);
  const app = useResource(stores.app).value?.name;
  const [provider, setProvider] = useState(providers[0] ?? "openai");
  const [agreedTo, setAgreedTo] = useState<string | null>(null);
  const [saving, setSaving] = useState(false);
  const [error, setError] = useState<FaucetError | null>(null);
  const secret = useRef<HTMLInputElement>(null);
  const url = useRef<HTMLInputElement>(null);
  const ids = { provider: useId(), key: useId(), url: useId(), agree: useId(), hint: useId() };
  const item = modes?.items.find(({ mode }) => mode === "byok");
  const version = item?.disclosure_version;
  // The tick is for one provider's text at one fee.
  const shown = version === undefined ? null : `${provider} ${version}`;
  const agreed = shown !== null && agreedTo === shown;

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const field = secret.current;
    if (!agreed || version === undefined || saving || !field?.value) return;
    setSaving(true);
    setError(null);
    try {
      const apiKey = field.value.trim();
      const baseUrl = needsAddress(provider) ? url.current?.value.trim() : undefined;
      const key = await add({
        provider,
        apiKey,
        disclosureVersion: version,
        ...(baseUrl ? { baseUrl } : {}),
      });
      field.value = "";
      added(key);
    } catch (caught) {
      setError(errorOf(caught));
      field.focus();
    } finally {
      setSaving(false);
    }
  };
  return (
    <form className="mf-form" onSubmit={(event) => void save(event)} autoComplete="off">
      <label htmlFor={ids.provider}>{text("byok.provider")}</label>
      <select
        id={ids.provider}
        value={provider}
        onChange={(event) => {
          setProvider(event.target.value);
          setError(null);
        }}
      >
        {providers.map((id) => (
          <option key={id} value={id}>
            {providerName(id)}
          </option>
        ))}
      </select>
      {needsAddress(provider) && (
        <>
          <label htmlFor={ids.url}>{text("byok.url")}</label>
          <input ref={url} id={ids.url} type="url" required placeholder="https://" />
        </>
      )}
      <label htmlFor={ids.key}>{text("byok.key")}</label>
      <input
        ref={secret}
        id={ids.key}
        type="password"
        required
        maxLength={4096}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        aria-describedby={ids.hint}
      />
      <p id={ids.hint} className="mf-hint">
        {text("byok.key.hint")}
      </p>
      {item && (
        <p className="mf-disclosure">
          {byokDisclosure({ provider, app, feeUsd: item.fee_usd }, text, format)}
        </p>
      )}
      <label className="mf-check" htmlFor={ids.agree}>
        <input
          id={ids.agree}
          type="checkbox"
          checked={agreed}
          disabled={shown === null}
          onChange={(event) => setAgreedTo(event.target.checked ? shown : null)}
        />
        {text("byok.agree")}
      </label>
      {error && <ErrorNotice error={error} />}
      <button type="submit" className="mf-button mf-primary" disabled={!agreed || saving}>
        {text(saving ? "byok.saving" : "byok.save")}
      </button>
    </form>
  );
}
