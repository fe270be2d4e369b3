import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId } from "react";
import { TextField } from "../../ui/field.tsx";
import { providersQuery } from "../providers/providers-queries.ts";
import { appsQuery, developersQuery } from "../tenants/tenants-query.ts";
import type { SwitchTarget } from "./search.ts";
import { targetWords } from "./words.tsx";

/** Names what is switched; developers, apps and providers are found by their names. */
export function TargetField({
  type,
  target,
  change,
  fault,
}: {
  type: SwitchTarget;
  target: string;
  change: (target: string) => void;
  fault: string | undefined;
}) {
  const list = useId();
  const suggestions = useSuggestions(type, useDeferredValue(target.trim()));
  const { target: label, hint } = targetWords[type];
  return (
    <div>
      <TextField
        label={label}
        required
        maxLength={257}
        spellCheck={false}
        autoComplete="off"
        list={list}
        value={target}
        hint={hint}
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
function useSuggestions(type: SwitchTarget, text: string): (readonly [string, string])[] {
  const q = text === "" ? undefined : text.split("/")[0];
  const developers = useQuery({ ...developersQuery({ q }), enabled: type === "developer" });
  const apps = useQuery({ ...appsQuery({ q }), enabled: type === "app" || type === "feature" });
  const providers = useQuery({ ...providersQuery(), enabled: type === "provider" });
  if (type === "developer") return developers.data?.items.map(({ id, name }) => [id, name]) ?? [];
  if (type === "provider") return providers.data?.items.map(({ provider }) => [provider, provider]) ?? [];
  if (type !== "app" && type !== "feature") return [];
  const end = type === "feature" ? "/" : "";
  return apps.data?.items.map(({ public_app_id: id, name }) => [`${id}${end}`, name]) ?? [];
}
