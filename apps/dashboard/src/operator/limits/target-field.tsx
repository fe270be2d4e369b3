import { useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId } from "react";
import { TextField } from "../../ui/field.tsx";
import type { LimitLevel } from "../search.ts";
import { appsQuery, developersQuery } from "../tenants/tenants-query.ts";
import { levelWords } from "./words.ts";

/** Names what a limit holds for; developers and apps are found by their names. */
export function TargetField({
  level,
  target,
  change,
  fault,
}: {
  level: Exclude<LimitLevel, "platform">;
  target: string;
  change: (target: string) => void;
  fault: string | undefined;
}) {
  const list = useId();
  const suggestions = useSuggestions(level, useDeferredValue(target.trim()));
  const { target: label, hint } = levelWords[level];
  return (
    <div className="col-span-full">
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
function useSuggestions(level: LimitLevel, text: string): (readonly [string, string])[] {
  const q = text === "" ? undefined : text.split("/")[0];
  const developers = useQuery({ ...developersQuery({ q }), enabled: level === "developer" });
  const apps = useQuery({ ...appsQuery({ q }), enabled: level === "app" || level === "feature" });
  if (level === "developer") return developers.data?.items.map(({ id, name }) => [id, name]) ?? [];
  if (level !== "app" && level !== "feature") return [];
  const end = level === "feature" ? "/" : "";
  return apps.data?.items.map(({ public_app_id: id, name }) => [`${id}${end}`, name]) ?? [];
}
