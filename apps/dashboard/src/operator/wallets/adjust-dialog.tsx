import type { createAdjustment } from "@modelfaucet/contract/routes/admin.ts";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { faultsOf } from "../../api/faults.ts";
import { showPrice, sumUsd, toUnits } from "../../format/money.ts";
import { Button, buttonClass } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { amountIn } from "./amount.ts";
import { useMove } from "./use-move.ts";
import type { WalletItem } from "./wallets-query.ts";
import { ownerName } from "./words.tsx";

type Direction = "credit" | "debit";

const verbs = { credit: "Credit", debit: "Debit" } as const;

/** Credits or debits a wallet by hand, after it said what will happen. */
export function AdjustDialog({ wallet, close }: { wallet: WalletItem; close: () => void }) {
  const [before] = useState(wallet.balance_usd);
  const [direction, setDirection] = useState<Direction>("credit");
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const amount = amountIn(text);
  const { state: move, send } = useMove<typeof createAdjustment>(
    "/v1/admin/wallets/:id/adjustments",
    wallet.id,
  );
  if (move.data) return <Done wallet={wallet} applied={move.data} close={close} />;
  const faults = faultsOf(move.error, ["amount_usd", "reason"]);
  // What was said of another try is no longer true of this one.
  const changing =
    <T,>(set: (value: T) => void) =>
    (value: T) => {
      set(value);
      if (!move.isPending) move.reset();
    };
  return (
    <Dialog title={`Adjust the balance of ${ownerName(wallet)}`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (amount !== null) send({ direction, amount_usd: amount, reason: reason.trim() });
        }}
      >
        <div className="grid grid-cols-2 gap-3">
          <SelectField
            label="Direction"
            value={direction}
            onChange={({ target }) => changing(setDirection)(target.value as Direction)}
          >
            <option value="credit">Credit</option>
            <option value="debit">Debit</option>
          </SelectField>
          <TextField
            label="Amount, USD"
            data-first=""
            required
            inputMode="decimal"
            autoComplete="off"
            value={text}
            fault={
              faults.of.get("amount_usd") ??
              (text.trim() !== "" && amount === null ? "a decimal above 0" : undefined)
            }
            onChange={({ target }) => changing(setText)(target.value)}
          />
        </div>
        <ReasonField reason={reason} change={changing(setReason)} fault={faults.of.get("reason")} />
        <p className="min-h-10 text-sm">
          {amount !== null && (
            <Effect wallet={wallet} before={before} direction={direction} amount={amount} />
          )}
        </p>
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button
            type="submit"
            look={direction === "credit" ? "primary" : "danger"}
            disabled={move.isPending || amount === null}
          >
            {move.isPending
              ? "Applying…"
              : amount === null
                ? verbs[direction]
                : `${verbs[direction]} ${showPrice(amount)}`}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Effect({
  wallet,
  before,
  direction,
  amount,
}: {
  wallet: WalletItem;
  before: string;
  direction: Direction;
  amount: string;
}) {
  const after = sumUsd([before, direction === "credit" ? amount : `-${amount}`]);
  if (direction === "debit" && toUnits(amount) > toUnits(wallet.available_usd)) {
    return (
      <>
        At most <ExactMoney usd={wallet.available_usd} currency /> can be taken, which is what no open request
        holds: this debit will be refused.
      </>
    );
  }
  return (
    <>
      The balance goes from <ExactMoney usd={before} currency /> to <ExactMoney usd={after} currency />.{" "}
      {direction === "credit"
        ? "It is booked as paid money, at once."
        : "Paid money goes first, then test money, at once; promotional money is not taken."}{" "}
      To undo it, book the opposite.
    </>
  );
}

function Done({
  wallet,
  applied,
  close,
}: {
  wallet: WalletItem;
  applied: { id: string; direction: Direction; amount_usd: string; wallet_balance_usd: string };
  close: () => void;
}) {
  return (
    <Dialog title={applied.direction === "credit" ? "Credited" : "Debited"} close={close}>
      <p role="status">
        {ownerName(wallet)} was {applied.direction === "credit" ? "credited" : "debited"}{" "}
        {showPrice(applied.amount_usd)}. The balance is now{" "}
        <ExactMoney usd={applied.wallet_balance_usd} currency />.
      </p>
      <div className="flex justify-end gap-2">
        <Link
          to="/operator/books/transactions/$transactionId"
          params={{ transactionId: `adjustment_${applied.id}` }}
          className={buttonClass()}
        >
          Open transaction
        </Link>
        <Button look="primary" data-first="" onClick={close}>
          Close
        </Button>
      </div>
    </Dialog>
  );
}
