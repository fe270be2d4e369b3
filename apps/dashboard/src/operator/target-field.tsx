import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId } from "react";
import { TextField } from "../ui/field.tsx";
import { providersQuery } from "./providers/providers-queries.ts";
import type { LimitLevel } from "./search.ts";
import type { SwitchTarget } from "./switches/search.ts";
import { appsQuery, developersQuery } from "./tenants/tenants-query.ts";

/** Names what a switch or a limit is for; developers, apps and providers are found by their names. */
export function TargetField({
  kind,
  words,
  target,
  change,
  fault,
}: {
  kind: SwitchTarget | LimitLevel;
  words: { target: string; hint?: string };
  target: string;
  change: (target: string) => void;
  fault: string | undefined;
}) {
  const list = useId();
  const suggestions = useSuggestions(kind, useDeferredValue(target.trim()));
  return (
    <div>
      <TextField
        label={words.target}
        required
        maxLength={257}
        spellCheck={false}
        autoComplete="off"
        list={list}
        value={target}
        hint={words.hint}
        fault={fault}
        onChange={(event) => change(event.target.value)}
      />
      <datalist id={list}>
        {suggestions.map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </datalist>
    </div>
  );
}

/** What may be meant by the text so far: the value that the API takes, and the name that people know. */
function useSuggestions(kind: SwitchTarget | LimitLevel, text: string): (readonly [string, string])[] {
  const q = text === "" ? undefined : text.split("/")[0];
  const developers = useQuery({ ...developersQuery({ q }), enabled: kind === "developer" });
  const apps = useQuery({ ...appsQuery({ q }), enabled: kind === "app" || kind === "feature" });
  const providers = useQuery({ ...providersQuery(), enabled: kind === "provider" });
  if (kind === "developer") return developers.data?.items.map(({ id, name }) => [id, name]) ?? [];
  if (kind === "provider") return providers.data?.items.map(({ provider }) => [provider, provider]) ?? [];
  if (kind !== "app" && kind !== "feature") return [];
  const end = kind === "feature" ? "/" : "";
  return apps.data?.items.map(({ public_app_id: id, name }) => [`${id}${end}`, name]) ?? [];
}
