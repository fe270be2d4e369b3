import { useState } from "react";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { TargetField } from "../target-field.tsx";
import { InForce } from "./in-force.tsx";
import { type SwitchTarget, switchTargets } from "./search.ts";
import { useSwitch, type Wanted } from "./switches-query.ts";
import { targetWords } from "./words.tsx";

/** What is switched; without it the dialog asks. */
export type Target = { type: SwitchTarget; id?: string | undefined; name?: string | undefined };

type Form = {
  type: SwitchTarget;
  target: string;
  state: "off" | "throttled";
  rpm: string;
  minutes: string;
  reason: string;
};

const fields = ["target_type", "target_id", "state", "throttle_rpm", "until", "reason"];

/** Switches something off or throttles it, and says when that holds everywhere. */
export function SetSwitchDialog({ target, close }: { target: Target | null; close: () => void }) {
  const [form, setForm] = useState<Form>(() => ({
    type: target?.type ?? "app",
    target: target?.id ?? "",
    state: "off",
    rpm: "60",
    minutes: "",
    reason: "",
  }));
  const set = useSwitch();
  if (set.data) return <InForce done={set.data} name={target?.name} close={close} />;
  const missing = set.error?.status === 404;
  const faults = faultsOf(set.error, fields);
  const change = (next: Partial<Form>) => {
    setForm({ ...form, ...next });
    if (!set.isPending) set.reset();
  };
  const act = form.state === "off" ? "Switch off" : "Throttle";
  const word = targetWords[form.type].word.toLowerCase();
  return (
    <Dialog title={target?.name === undefined ? "Set switch" : `Suspend ${target.name}`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          set.mutate(bodyOf(form));
        }}
      >
        {target === null && (
          <SelectField
            label="What"
            value={form.type}
            fault={faults.of.get("target_type")}
            onChange={({ target: { value } }) =>
              change({ type: switchTargets.find((type) => type === value) ?? "app", target: "" })
            }
          >
            {switchTargets.map((type) => (
              <option key={type} value={type}>
                {targetWords[type].word}
              </option>
            ))}
          </SelectField>
        )}
        {target?.id === undefined && form.type !== "platform" && (
          <TargetField
            kind={form.type}
            words={targetWords[form.type]}
            target={form.target}
            change={(next) => change({ target: next })}
            fault={missing ? `there is no such ${word}` : faults.of.get("target_id")}
          />
        )}
        <StateFields form={form} change={change} faults={faults.of} />
        <ReasonField
          reason={form.reason}
          change={(reason) => change({ reason })}
          fault={faults.of.get("reason")}
        />
        <p className="text-sm text-muted">
          {form.state === "off"
            ? `Within two seconds ${targetWords[form.type].off}. Lift the switch to undo this.`
            : "Within two seconds more calls than that are refused. Lift the switch to undo this."}
        </p>
        {faults.rest && !(missing && form.type !== "platform" && target?.id === undefined) && (
          <ProblemNotice trouble={faults.rest} />
        )}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="danger" disabled={set.isPending}>
            {set.isPending ? "Telling every instance…" : act}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function StateFields({
  form,
  change,
  faults,
}: {
  form: Form;
  change: (next: Partial<Form>) => void;
  faults: ReadonlyMap<string, string>;
}) {
  return (
    <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
      <SelectField
        label="State"
        data-first=""
        value={form.state}
        fault={faults.get("state")}
        onChange={({ target }) => change({ state: target.value === "throttled" ? "throttled" : "off" })}
      >
        <option value="off">Off</option>
        <option value="throttled">Throttled</option>
      </SelectField>
      <SelectField
        label="Until"
        value={form.minutes}
        fault={faults.get("until")}
        onChange={({ target }) => change({ minutes: target.value })}
      >
        <option value="">it is lifted</option>
        <option value="15">15 minutes from now</option>
        <option value="60">an hour from now</option>
        <option value="1440">a day from now</option>
        <option value="10080">a week from now</option>
      </SelectField>
      {form.state === "throttled" && (
        <TextField
          label="Calls a minute"
          required
          type="number"
          min={1}
          max={1_000_000}
          value={form.rpm}
          fault={faults.get("throttle_rpm")}
          onChange={({ target }) => change({ rpm: target.value })}
        />
      )}
    </div>
  );
}

function bodyOf({ type, target, state, rpm, minutes, reason }: Form): Wanted {
  return {
    target_type: type,
    ...(type === "platform" ? {} : { target_id: target.trim() }),
    state,
    ...(state === "throttled" ? { throttle_rpm: Number(rpm) } : {}),
    ...(minutes === "" ? {} : { until: new Date(Date.now() + Number(minutes) * 60_000).toISOString() }),
    reason: reason.trim(),
  };
}
