import type { AnswerOf, SentOf } from "@modelfaucet/contract/route.ts";
import type { setLimit } from "@modelfaucet/contract/routes/limits.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { showPrice } from "../../format/money.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { SelectField, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type LimitsSearch, limitLevels } from "../search.ts";
import { TargetField } from "../target-field.tsx";
import { type LimitItem, limitsPath } from "./limits-query.ts";
import { levelWords, type Measure, measureWords, type SpendingWindow, windowWords } from "./words.ts";

type Form = {
  level: LimitItem["level"];
  target: string;
  measure: Measure;
  window: SpendingWindow;
  amount: string;
  reason: string;
};

const fields = ["level", "target_id", "measure", "window", "limit", "limit_usd", "reason"];

/** Sets a limit, or changes the amount of one that is there. */
export function SetLimitDialog({
  limit,
  search,
  close,
}: {
  limit: LimitItem | null;
  search: LimitsSearch;
  close: () => void;
}) {
  const queryClient = useQueryClient();
  const [form, setForm] = useState(() => formOf(limit, search));
  const save = useMutation<AnswerOf<typeof setLimit>, Problem>({
    mutationFn: () => call<typeof setLimit>("PUT", limitsPath, { body: bodyOf(form) }),
    onSuccess: async () => {
      await queryClient.invalidateQueries({ queryKey: [limitsPath] });
      close();
    },
  });
  const missing = save.error?.status === 404;
  const faults = faultsOf(save.error, fields);
  const change = (next: Partial<Form>) => {
    setForm({ ...form, ...next });
    if (!save.isPending) save.reset();
  };
  return (
    <Dialog title={limit === null ? "Set limit" : "Change limit"} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <fieldset disabled={limit !== null} className="grid grid-cols-2 gap-4 max-sm:grid-cols-1">
          <legend className="sr-only">What it holds for</legend>
          <SelectField
            label="Level"
            className="col-span-full"
            value={form.level}
            fault={faults.of.get("level")}
            onChange={({ target }) =>
              change({ level: limitLevels.find((level) => level === target.value) ?? "platform", target: "" })
            }
          >
            {limitLevels.map((level) => (
              <option key={level} value={level}>
                {levelWords[level].word}
              </option>
            ))}
          </SelectField>
          {form.level !== "platform" && (
            <div className="col-span-full">
              <TargetField
                kind={form.level}
                words={levelWords[form.level]}
                target={limit?.target_name ?? form.target}
                change={(target) => change({ target })}
                fault={
                  missing
                    ? `there is no such ${levelWords[form.level].word.toLowerCase()}`
                    : faults.of.get("target_id")
                }
              />
            </div>
          )}
          <SelectField
            label="Measure"
            value={form.measure}
            fault={faults.of.get("measure")}
            onChange={({ target }) => change({ measure: target.value as Measure, amount: "" })}
          >
            {Object.entries(measureWords).map(([measure, word]) => (
              <option key={measure} value={measure}>
                {word}
              </option>
            ))}
          </SelectField>
          {form.measure === "usd" && (
            <SelectField
              label="Window"
              value={form.window}
              fault={faults.of.get("window")}
              onChange={({ target }) => change({ window: target.value as SpendingWindow })}
            >
              {Object.entries(windowWords).map(([window, word]) => (
                <option key={window} value={window}>
                  {word}
                </option>
              ))}
            </SelectField>
          )}
        </fieldset>
        <TextField
          label={form.measure === "usd" ? "At most, USD" : "At most"}
          data-first={limit === null ? undefined : ""}
          required
          inputMode={form.measure === "usd" ? "decimal" : "numeric"}
          autoComplete="off"
          {...(form.measure === "usd" ? {} : { pattern: "\\d{1,13}", title: "a whole number" })}
          value={form.amount}
          hint="0 refuses everything"
          fault={faults.of.get("limit_usd") ?? faults.of.get("limit")}
          onChange={({ target }) => change({ amount: target.value })}
        />
        <ReasonField
          reason={form.reason}
          change={(reason) => change({ reason })}
          fault={faults.of.get("reason")}
        />
        <p className="text-sm text-muted">
          In force on every instance within two seconds. Running requests end as they began; the strictest of
          all limits that apply holds.
        </p>
        {faults.rest && !missing && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={save.isPending}>
            {save.isPending ? "Setting…" : "Set limit"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What a limit that is there says; for a new one what the list is narrowed to. */
function formOf(limit: LimitItem | null, { level, target }: LimitsSearch): Form {
  if (limit === null) {
    return {
      level: level ?? "app",
      target: target ?? "",
      measure: "usd",
      window: "day",
      amount: "",
      reason: "",
    };
  }
  return {
    level: limit.level,
    target: limit.target_id ?? "",
    measure: limit.measure,
    window: limit.window === "minute" ? "day" : limit.window,
    amount: limit.limit_usd === undefined ? String(limit.limit ?? "") : plainPrice(limit.limit_usd),
    reason: "",
  };
}

function bodyOf({ level, target, measure, window, amount, reason }: Form): SentOf<typeof setLimit> {
  const text = amount.trim();
  return {
    level,
    ...(level === "platform" ? {} : { target_id: target.trim() }),
    measure,
    ...(measure === "usd" ? { window, limit_usd: text } : { limit: Number(text) }),
    reason: reason.trim(),
  };
}

function plainPrice(usd: string): string {
  return showPrice(usd).slice(1).replaceAll(",", "");
}
