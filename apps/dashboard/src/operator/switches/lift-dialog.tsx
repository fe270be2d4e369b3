import { useState } from "react";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { InForce } from "./in-force.tsx";
import { type SwitchItem, useSwitch } from "./switches-query.ts";
import { targetWords } from "./words.tsx";

/** Lifts a switch. */
export function LiftDialog({ item, close }: { item: SwitchItem; close: () => void }) {
  const [reason, setReason] = useState("");
  const lift = useSwitch();
  if (lift.data) return <InForce done={lift.data} close={close} />;
  const faults = faultsOf(lift.error, ["reason"]);
  const { word } = targetWords[item.target_type];
  return (
    <Dialog title="Lift switch?" close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          lift.mutate({
            target_type: item.target_type,
            ...(item.target_id === undefined ? {} : { target_id: item.target_id }),
            state: "on",
            reason: reason.trim(),
          });
        }}
      >
        <p className="[overflow-wrap:anywhere]">
          Within two seconds {word.toLowerCase()} {item.target_id !== undefined && <b>{item.target_id}</b>} is
          served again. Set the switch again to undo this.
        </p>
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Leave it</Button>
          <Button type="submit" look="primary" disabled={lift.isPending}>
            {lift.isPending ? "Telling every instance…" : "Lift switch"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
