import { TextArea } from "../ui/field.tsx";

/** Why the operator does it: it stands in the audit row beside the name. */
export function ReasonField({
  reason,
  change,
  fault,
}: {
  reason: string;
  change: (reason: string) => void;
  fault: string | undefined;
}) {
  return (
    <TextArea
      label="Reason"
      required
      rows={2}
      maxLength={1000}
      value={reason}
      hint="stands in the audit log beside your name"
      fault={fault}
      onChange={(event) => change(event.target.value)}
    />
  );
}
