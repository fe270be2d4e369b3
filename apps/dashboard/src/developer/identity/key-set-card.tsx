import type { SentOf } from "@modelfaucet/contract/route.ts";
import type { updateApp } from "@modelfaucet/contract/routes/apps.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { SelectField, TextArea, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { type AppItem, appQuery } from "../apps/apps-query.ts";

type Source = "secret" | "url" | "inline";
type Identity = NonNullable<SentOf<typeof updateApp>["identity"]>;

/** Where the keys come from that user tokens are checked by. */
export function KeySetCard({ app, mayWrite }: { app: AppItem; mayWrite: boolean }) {
  const queryClient = useQueryClient();
  const before = sourceOf(app);
  const [source, setSource] = useState<Source>(before);
  const [url, setUrl] = useState(app.identity.jwks_url ?? "");
  const [text, setText] = useState(() =>
    app.identity.jwks === undefined ? "" : JSON.stringify(app.identity.jwks, null, 2),
  );
  const [unreadable, setUnreadable] = useState<string>();
  const save = useMutation<AppItem, Problem, Identity>({
    mutationFn: (identity) =>
      call<typeof updateApp>("PATCH", "/v1/developer/apps/:publicAppId", {
        params: { publicAppId: app.public_app_id },
        body: { identity, expected_version: app.version },
      }),
    onSuccess: (answer) => queryClient.setQueryData(appQuery(app.public_app_id).queryKey, answer),
  });
  const faults = faultsOfKeySet(save.error);
  const submit = () => {
    setUnreadable(undefined);
    if (source !== "inline") {
      save.mutate({ jwks: null, jwks_url: source === "url" ? url.trim() : null });
      return;
    }
    const jwks = keySetIn(text);
    if (jwks === null) setUnreadable("is no JSON object");
    else save.mutate({ jwks_url: null, jwks });
  };
  return (
    <Card title="Keys of user tokens">
      <form
        className="border-t border-line p-4"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <fieldset disabled={!mayWrite} className="grid gap-4">
          <legend className="sr-only">Keys of user tokens</legend>
          <SelectField
            label="They come from"
            value={source}
            onChange={({ target }) => setSource(target.value as Source)}
          >
            <option value="secret">the identity secret</option>
            <option value="url">a key set at an address</option>
            <option value="inline">a key set that is kept here</option>
          </SelectField>
          {source === "url" && (
            <TextField
              label="Address of the key set"
              type="url"
              required
              spellCheck={false}
              placeholder="https://auth.example.com/.well-known/jwks.json"
              value={url}
              hint="https; it is fetched and kept for some minutes"
              fault={faults.of.get("identity.jwks_url")}
              onChange={({ target }) => setUrl(target.value)}
            />
          )}
          {source === "inline" && (
            <TextArea
              label="Key set (JWKS)"
              rows={8}
              required
              spellCheck={false}
              placeholder={'{"keys": [{"kty": "EC", …}]}'}
              value={text}
              hint="public keys alone"
              fault={unreadable ?? faults.of.get("identity.jwks")}
              onChange={({ target }) => setText(target.value)}
            />
          )}
        </fieldset>
        {source !== before && <Warning before={before} />}
        {faults.rest && <ProblemNotice trouble={faults.rest} className="mt-4" />}
        {mayWrite && (source !== before || source !== "secret") && (
          <div className="mt-4 flex flex-wrap items-center gap-3">
            <Button type="submit" look="primary" disabled={save.isPending}>
              {save.isPending ? "Saving…" : "Save keys"}
            </Button>
            <span className="text-sm text-muted">In force everywhere within two seconds.</span>
          </div>
        )}
      </form>
    </Card>
  );
}

function Warning({ before }: { before: Source }) {
  return (
    <p className="mt-4 text-sm text-warn">
      {before === "secret"
        ? "With a key set the app has no identity secret: tokens that it signed are refused."
        : "Without a key set the app needs an identity secret: rotate it to get one."}
    </p>
  );
}

function sourceOf({ identity: { kind, jwks_url: url } }: AppItem): Source {
  if (kind === "secret") return "secret";
  return url === undefined ? "inline" : "url";
}

function keySetIn(text: string): NonNullable<Identity["jwks"]> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as NonNullable<Identity["jwks"]>)
      : null;
  } catch {
    return null;
  }
}

/** An address that may not be called has a code of its own; it still belongs to its field. */
function faultsOfKeySet(error: Problem | null) {
  if (error instanceof Problem && error.code === "base_url_not_allowed")
    return {
      of: new Map([["identity.jwks_url", error.message.replace(/^identity\.jwks_url /, "")]]),
      rest: null,
    };
  return faultsOf(error, ["identity.jwks_url", "identity.jwks"]);
}
