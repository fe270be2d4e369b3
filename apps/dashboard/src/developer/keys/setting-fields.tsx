import { showPrice } from "../../format/money.ts";
import { TextArea, TextField } from "../../ui/field.tsx";
import type { ProviderKey } from "./keys-queries.ts";

/** How a key is used, as its form holds it. */
export type KeySettings = {
  name: string;
  priority: string;
  weight: string;
  budget: string;
  models: string;
};

export const settingNames = ["name", "priority", "weight", "budget_limit_usd", "models_allowed"] as const;

export function settingsOf(key: ProviderKey | null): KeySettings {
  const budget = key?.budget_limit_usd;
  return {
    name: key?.name ?? "",
    priority: String(key?.priority ?? 100),
    weight: String(key?.weight ?? 1),
    budget: budget === undefined ? "" : showPrice(budget).slice(1).replaceAll(",", ""),
    models: key?.models_allowed.join("\n") ?? "",
  };
}

/** What the API takes; an empty field clears what was set. */
export function bodyOf(settings: KeySettings) {
  const models = settings.models.split(/[\n,]/).map((line) => line.trim());
  const named = models.filter((model) => model !== "");
  return {
    name: settings.name.trim() || null,
    priority: Number(settings.priority),
    weight: Number(settings.weight),
    budget_limit_usd: settings.budget.trim() || null,
    models_allowed: named.length === 0 ? null : named,
  };
}

export function SettingFields({
  settings,
  change,
  faults,
}: {
  settings: KeySettings;
  change: (next: Partial<KeySettings>) => void;
  faults: ReadonlyMap<string, string>;
}) {
  const number = (label: string, name: "priority" | "weight", hint: string) => (
    <TextField
      label={label}
      type="number"
      min={1}
      max={1000}
      required
      value={settings[name]}
      hint={hint}
      fault={faults.get(name)}
      onChange={({ target }) => change({ [name]: target.value })}
    />
  );
  return (
    <>
      <TextField
        label="Name"
        maxLength={128}
        value={settings.name}
        hint="for you alone; may be empty"
        fault={faults.get("name")}
        onChange={({ target }) => change({ name: target.value })}
      />
      <div className="grid grid-cols-2 gap-3">
        {number("Priority", "priority", "lower is asked first")}
        {number("Weight", "weight", "share among equals")}
      </div>
      <TextField
        label="Budget, USD"
        inputMode="decimal"
        autoComplete="off"
        value={settings.budget}
        hint="what its calls may cost upstream, ever; empty: no limit"
        fault={faults.get("budget_limit_usd")}
        onChange={({ target }) => change({ budget: target.value })}
      />
      <TextArea
        label="Only these models, one a line"
        rows={2}
        spellCheck={false}
        value={settings.models}
        hint="empty: whatever the feature lists"
        fault={faults.get("models_allowed")}
        onChange={({ target }) => change({ models: target.value })}
      />
    </>
  );
}
