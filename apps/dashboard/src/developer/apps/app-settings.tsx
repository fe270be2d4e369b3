import type { updateApp } from "@modelfaucet/contract/routes/apps.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { SelectField, TextArea, TextField } from "../../ui/field.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { type AppItem, appQuery, appsQuery } from "./apps-query.ts";
import { patchOf, type SettingField, settingGroups, settingNames } from "./setting-fields.ts";

/** Every setting of an app; what differs from what is in force is counted, saved together, or taken back. */
export function AppSettings({ app, mayWrite }: { app: AppItem; mayWrite: boolean }) {
  const queryClient = useQueryClient();
  const [texts, setTexts] = useState<ReadonlyMap<string, string>>(new Map());
  const patch = patchOf(app, texts);
  const changes = [...texts].filter(([name, text]) => text !== fieldOf(name)?.show(app)).length;
  const save = useMutation<AppItem, Problem>({
    mutationFn: () =>
      call<typeof updateApp>("PATCH", "/v1/developer/apps/:publicAppId", {
        params: { publicAppId: app.public_app_id },
        body: { ...patch, expected_version: app.version },
      }),
    onSuccess: (answer) => {
      queryClient.setQueryData(appQuery(app.public_app_id).queryKey, answer);
      void queryClient.invalidateQueries({ queryKey: appsQuery().queryKey });
    },
  });
  const faults = faultsOf(save.error, settingNames);
  const set = (name: string, text: string) => setTexts(new Map(texts).set(name, text));
  return (
    <Card title="Settings" note={`version ${app.version}`}>
      <form
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        {settingGroups.map(({ title, note, fields }) => (
          <fieldset key={title} disabled={!mayWrite} className="border-t border-line px-4 py-4">
            <legend className="float-left mb-3 w-full text-sm font-medium">
              {title} {note && <span className="font-normal text-muted">{note}</span>}
            </legend>
            <div className="clear-both grid grid-cols-[repeat(auto-fill,minmax(210px,1fr))] gap-4">
              {fields.map((field) => (
                <Setting
                  key={field.name}
                  field={field}
                  text={texts.get(field.name) ?? field.show(app)}
                  fault={faults.of.get(field.name)}
                  set={(text) => set(field.name, text)}
                />
              ))}
            </div>
          </fieldset>
        ))}
        {(changes > 0 || save.error) && (
          <div className="sticky bottom-0 flex flex-wrap items-center gap-3 border-t border-line bg-surface px-4 py-3">
            {faults.rest && <ProblemNotice trouble={faults.rest} className="w-full" />}
            <Button type="submit" look="primary" disabled={save.isPending || changes === 0}>
              {save.isPending ? "Saving…" : `Save ${changes} ${changes === 1 ? "change" : "changes"}`}
            </Button>
            <Button onClick={() => setTexts(new Map())}>Take back</Button>
            <span className="text-sm text-muted">In force everywhere within two seconds.</span>
          </div>
        )}
      </form>
    </Card>
  );
}

function Setting({
  field,
  text,
  fault,
  set,
}: {
  field: SettingField;
  text: string;
  fault: string | undefined;
  set: (text: string) => void;
}) {
  const around = { label: field.label, hint: field.hint, fault };
  if (typeof field.kind === "object") {
    const known = field.kind.options.some(([value]) => value === text);
    return (
      <SelectField {...around} value={text} onChange={(event) => set(event.target.value)}>
        {!known && <option value={text}>{text}</option>}
        {field.kind.options.map(([value, word]) => (
          <option key={value} value={value}>
            {word}
          </option>
        ))}
      </SelectField>
    );
  }
  if (field.kind === "lines") {
    return (
      <TextArea
        {...around}
        className="sm:col-span-2"
        spellCheck={false}
        value={text}
        onChange={(event) => set(event.target.value)}
      />
    );
  }
  return (
    <TextField
      {...around}
      inputMode={field.kind === "text" ? undefined : "decimal"}
      value={text}
      onChange={(event) => set(event.target.value)}
    />
  );
}

function fieldOf(name: string): SettingField | undefined {
  return settingGroups.flatMap(({ fields }) => fields).find((field) => field.name === name);
}
