import type { creditTestBalance } from "@modelfaucet/contract/routes/admin.ts";
import { useState } from "react";
import { faultsOf } from "../../api/faults.ts";
import { showPrice, sumUsd } from "../../format/money.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { TextField } from "../../ui/field.tsx";
import { ExactMoney } from "../../ui/money.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { amountIn } from "./amount.ts";
import { useMove } from "./use-move.ts";
import type { WalletItem } from "./wallets-query.ts";
import { ownerName } from "./words.tsx";

/** Gives a wallet test money: it pays for calls and is never paid out. */
export function TestCreditDialog({ wallet, close }: { wallet: WalletItem; close: () => void }) {
  // What the sentence below starts from, also when the page reads the wallet anew.
  const [before] = useState(wallet.balance_usd);
  const [text, setText] = useState("");
  const amount = amountIn(text);
  const { state: move, send } = useMove<typeof creditTestBalance>(
    "/v1/admin/wallets/:id/credit-test-balance",
    wallet.id,
  );
  if (move.data) {
    return (
      <Dialog title="Credited" close={close}>
        <p role="status">
          {ownerName(wallet)} got {showPrice(move.variables.amount_usd)} of test money. The balance is now{" "}
          <ExactMoney usd={move.data.balance_usd} currency />.
        </p>
        <div className="flex justify-end">
          <Button look="primary" data-first="" onClick={close}>
            Close
          </Button>
        </div>
      </Dialog>
    );
  }
  const faults = faultsOf(move.error, ["amount_usd"]);
  return (
    <Dialog title={`Test credit for ${ownerName(wallet)}`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (amount !== null) send({ amount_usd: amount });
        }}
      >
        <TextField
          label="Amount, USD"
          data-first=""
          required
          inputMode="decimal"
          autoComplete="off"
          value={text}
          hint="test money pays for calls and is never paid out"
          fault={
            faults.of.get("amount_usd") ??
            (text.trim() !== "" && amount === null ? "a decimal above 0, for example 5 or 0.25" : undefined)
          }
          onChange={({ target }) => {
            setText(target.value);
            if (!move.isPending) move.reset();
          }}
        />
        <p className="min-h-10 text-sm">
          {amount !== null && (
            <>
              The balance goes from <ExactMoney usd={before} currency /> to{" "}
              <ExactMoney usd={sumUsd([before, amount])} currency />, in one transaction with its audit row.
            </>
          )}
        </p>
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={move.isPending || amount === null}>
            {move.isPending ? "Crediting…" : amount === null ? "Credit" : `Credit ${showPrice(amount)}`}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
