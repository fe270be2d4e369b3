import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { createOperatorToken } from "@modelfaucet/contract/routes/operator-tokens.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SecretOnce } from "../../ui/secret-once.tsx";

/** A new token, this once. */
export function TokenShown({
  made: { token, item },
  close,
}: {
  made: AnswerOf<typeof createOperatorToken>;
  close: () => void;
}) {
  return (
    <Dialog title={`${item.name} is there`} close={close}>
      <SecretOnce
        label={`Operator token of ${item.email}`}
        secret={token}
        note="It is shown this once, and kept here as a hash alone. Give it to that person and nobody else."
      />
      <div className="flex justify-end">
        <Button look="primary" onClick={close}>
          I have copied it
        </Button>
      </div>
    </Dialog>
  );
}
