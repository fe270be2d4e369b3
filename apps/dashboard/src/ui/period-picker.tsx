import { dayOf, type PeriodSearch, type Preset, presets } from "../format/period.ts";
import { SelectField, TextField } from "./field.tsx";

/** Presets, or two days of the reader's calendar. `anyTime`: no period is a choice too. */
export function PeriodPicker({
  search,
  change,
  anyTime = false,
}: {
  search: PeriodSearch;
  change: (next: PeriodSearch) => void;
  anyTime?: boolean;
}) {
  const custom = search.from !== undefined && search.to !== undefined;
  const value = custom ? "custom" : (search.range ?? (anyTime ? "any" : "7d"));
  const today = dayOf(Date.now());
  const choose = (chosen: string) => {
    if (chosen === "custom")
      change({ range: undefined, from: dayOf(Date.now() - 6 * 86_400_000), to: today });
    else change({ range: chosen === "any" ? undefined : (chosen as Preset), from: undefined, to: undefined });
  };
  return (
    <>
      <SelectField
        label="Period"
        value={value}
        onChange={(event) => choose(event.target.value)}
        className="w-40 max-sm:w-[calc(50%-6px)]"
      >
        {anyTime && <option value="any">Any time</option>}
        {Object.entries(presets).map(([preset, { label }]) => (
          <option key={preset} value={preset}>
            {label}
          </option>
        ))}
        <option value="custom">Days…</option>
      </SelectField>
      {custom && (
        <>
          <DayField
            label="From"
            value={search.from}
            max={search.to}
            change={(from) => change({ range: undefined, from, to: search.to })}
          />
          <DayField
            label="To, included"
            value={search.to}
            min={search.from}
            max={today}
            change={(to) => change({ range: undefined, from: search.from, to })}
          />
        </>
      )}
    </>
  );
}

function DayField({
  label,
  value,
  change,
  ...bounds
}: {
  label: string;
  value: string | undefined;
  min?: string | undefined;
  max?: string | undefined;
  change: (day: string) => void;
}) {
  return (
    <TextField
      label={label}
      type="date"
      value={value}
      {...bounds}
      className="w-36 max-sm:w-[calc(50%-6px)]"
      onChange={(event) => {
        if (event.target.value !== "" && event.target.validity.valid) change(event.target.value);
      }}
    />
  );
}
