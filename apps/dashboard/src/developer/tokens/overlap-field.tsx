import { SelectField } from "../../ui/field.tsx";

/** How long the old secret holds beside its successor. */
export function OverlapField({
  what,
  value,
  change,
}: {
  what: string;
  /** Seconds. */
  value: string;
  change: (seconds: string) => void;
}) {
  return (
    <SelectField
      label={`The old ${what} holds for`}
      data-first=""
      value={value}
      hint="time enough to put the new one in its place"
      onChange={({ target }) => change(target.value)}
    >
      <option value="0">not at all: it ends now</option>
      <option value="3600">an hour</option>
      <option value="86400">a day</option>
      <option value="604800">a week</option>
    </SelectField>
  );
}
