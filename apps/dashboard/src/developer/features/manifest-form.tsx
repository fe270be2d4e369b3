import type { ReactNode } from "react";
import { Button } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { Cross } from "../../ui/icons.tsx";
import { percentToBps } from "../apps/setting-fields.ts";
import type { Fault, Manifest } from "./manifest-text.ts";

type Path = (string | number)[];
type Change = (path: Path, value: unknown) => void;

type FieldForm = {
  path: [string, string] | [string, string, string];
  label: string;
  hint?: string;
  kind: "whole" | "money" | "decimal" | "share";
};

const pricingFields: readonly FieldForm[] = [
  { path: ["pricing", "markup_percent"], label: "Markup, %", hint: "empty: 30", kind: "decimal" },
  { path: ["pricing", "request_fee_usd"], label: "Fee per request, USD", hint: "empty: none", kind: "money" },
  {
    path: ["pricing", "developer_share_bps"],
    label: "Your share of the margin, %",
    hint: "empty: the app's",
    kind: "share",
  },
];

const limit = (name: string, label: string, kind: FieldForm["kind"], hint?: string): FieldForm => ({
  path: ["policy", "limits", name],
  label,
  kind,
  ...(hint === undefined ? {} : { hint }),
});

const limitFields: readonly FieldForm[] = [
  limit("max_output_tokens", "Most tokens of an answer", "whole", "empty: 4,096"),
  limit("max_input_tokens", "Most tokens of a prompt", "whole"),
  limit("max_price_usd", "A request costs at most, USD", "money"),
  limit("user_day_usd", "A user a day, USD", "money"),
  limit("user_week_usd", "A user a week, USD", "money"),
  limit("user_month_usd", "A user a month, USD", "money"),
  limit("feature_day_usd", "All users a day, USD", "money"),
  limit("feature_month_usd", "All users a month, USD", "money"),
  limit("user_rpm", "Requests of a user a minute", "whole"),
  limit("feature_rpm", "Requests of all a minute", "whole"),
  limit("user_concurrency", "Of a user at once", "whole"),
];

/** The manifest as fields. What the form does not know stays in the text untouched. */
export function ManifestForm({
  manifest,
  faults,
  change,
  readOnly,
}: {
  manifest: Manifest | null;
  faults: readonly Fault[];
  change: Change;
  readOnly: boolean;
}) {
  if (manifest === null) {
    return (
      <p className="rounded-sm bg-warn-weak p-3 text-sm text-warn">
        The text is no manifest at the moment. The form is back when it is one again.
      </p>
    );
  }
  const field = (form: FieldForm) => (
    <ManifestField
      key={form.path.join(".")}
      form={form}
      manifest={manifest}
      faults={faults}
      change={change}
    />
  );
  return (
    <fieldset disabled={readOnly} className="grid content-start gap-5">
      <Group title="Models, in this order">
        <Models manifest={manifest} faults={faults} change={change} />
      </Group>
      <Group title="Price">
        <div className="grid grid-cols-2 gap-3 max-[400px]:grid-cols-1">{pricingFields.map(field)}</div>
      </Group>
      <Group title="Limits">
        <div className="grid grid-cols-2 gap-3 max-[400px]:grid-cols-1">{limitFields.map(field)}</div>
      </Group>
    </fieldset>
  );
}

function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title} className="grid gap-2">
      <h3 className="font-medium">{title}</h3>
      {children}
    </section>
  );
}

function ManifestField({
  form,
  manifest,
  faults,
  change,
}: {
  form: FieldForm;
  manifest: Manifest;
  faults: readonly Fault[];
  change: Change;
}) {
  const dotted = form.path.join(".");
  return (
    <TextField
      label={form.label}
      hint={form.hint}
      fault={faultAt(faults, dotted)}
      inputMode="decimal"
      autoComplete="off"
      value={shown(form, valueAt(manifest, form.path))}
      onChange={(event) => change(form.path, meant(form, event.target.value))}
    />
  );
}

function Models({
  manifest,
  faults,
  change,
}: {
  manifest: Manifest;
  faults: readonly Fault[];
  change: Change;
}) {
  const list = manifest.policy.models;
  const models: readonly unknown[] = Array.isArray(list) ? list : [];
  const fault = faultAt(faults, "policy.models", true);
  const put = (next: readonly unknown[]) =>
    change(["policy", "models"], next.length === 0 ? undefined : next);
  return (
    <div className="grid gap-2">
      {models.length === 0 && (
        <p className="text-sm text-muted">None named: the operator's own list is used.</p>
      )}
      {models.map((entry, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: an entry is its place; its name changes while it is typed.
        <div key={index} className="flex items-start gap-1">
          <TextField
            label={`Model ${index + 1}`}
            className="flex-1 [&>label]:sr-only"
            value={nameOf(entry)}
            placeholder="provider/model"
            spellCheck={false}
            autoComplete="off"
            fault={faultAt(faults, `policy.models.${index}`, true)}
            onChange={(event) => change(["policy", "models", index], renamed(entry, event.target.value))}
          />
          <Button
            look="quiet"
            className="w-8 px-0"
            disabled={index === 0}
            aria-label={`Move model ${index + 1} up`}
            onClick={() => put(moved(models, index))}
          >
            ↑
          </Button>
          <Button
            look="quiet"
            className="w-8 px-0"
            aria-label={`Remove model ${index + 1}`}
            onClick={() => put(models.filter((_, place) => place !== index))}
          >
            <Cross />
          </Button>
        </div>
      ))}
      {fault !== undefined && models.length === 0 && <p className="text-xs text-bad">{fault}</p>}
      <Button small className="justify-self-start" onClick={() => put([...models, ""])}>
        Add model
      </Button>
    </div>
  );
}

function moved(models: readonly unknown[], index: number): unknown[] {
  const next = [...models];
  [next[index - 1], next[index]] = [next[index], next[index - 1]];
  return next;
}

/** An entry with options keeps them when its name changes. */
function renamed(entry: unknown, name: string): unknown {
  if (typeof entry !== "object" || entry === null) return name;
  const slash = name.indexOf("/");
  if (slash < 0) return { ...entry, provider: name, model: "" };
  return { ...entry, provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

function nameOf(entry: unknown): string {
  if (typeof entry === "string") return entry;
  const { provider = "", model = "" } = (entry ?? {}) as { provider?: string; model?: string };
  return model === "" ? String(provider) : `${provider}/${model}`;
}

function valueAt(manifest: Manifest, path: Path): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[step] : undefined,
    manifest,
  );
}

function shown({ kind }: FieldForm, value: unknown): string {
  if (value === undefined || value === null) return "";
  return kind === "share" && typeof value === "number" ? String(value / 100) : String(value);
}

/** What is typed, as the manifest spells it; what is no number yet goes in as it is, and is told as a fault. */
function meant({ kind }: FieldForm, text: string): unknown {
  const typed = text.trim();
  if (typed === "") return undefined;
  if (kind === "money") return typed;
  if (kind === "share") return percentToBps(typed) ?? typed;
  return /^\d+(\.\d+)?$/.test(typed) ? Number(typed) : typed;
}

function faultAt(faults: readonly Fault[], dotted: string, within = false): string | undefined {
  return faults.find(({ path }) => path === dotted || (within && path.startsWith(`${dotted}.`)))?.message;
}
