import type { updateDeveloperProviderKey } from "@modelfaucet/contract/routes/provider-keys.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { keyQuery, keysPath, type ProviderKey } from "./keys-queries.ts";
import { bodyOf, SettingFields, settingNames, settingsOf } from "./setting-fields.tsx";

/** Order, budget and models of a key; in force everywhere within two seconds. */
export function KeySettingsCard({ item, mayWrite }: { item: ProviderKey; mayWrite: boolean }) {
  const queryClient = useQueryClient();
  const before = settingsOf(item);
  const [settings, setSettings] = useState(before);
  const save = useMutation<ProviderKey, Problem>({
    mutationFn: () =>
      call<typeof updateDeveloperProviderKey>("PATCH", "/v1/developer/provider-keys/:id", {
        params: { id: item.id },
        body: bodyOf(settings),
      }),
    onSuccess: (answer) => {
      queryClient.setQueryData(keyQuery(item.id).queryKey, answer);
      void queryClient.invalidateQueries({ queryKey: [keysPath] });
    },
  });
  const faults = faultsOf(save.error, settingNames);
  const changed = JSON.stringify(settings) !== JSON.stringify(before);
  return (
    <Card title="How it is used">
      <form
        className="border-t border-line p-4"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <fieldset disabled={!mayWrite} className="grid gap-4">
          <legend className="sr-only">How the key is used</legend>
          <SettingFields
            settings={settings}
            change={(next) => setSettings({ ...settings, ...next })}
            faults={faults.of}
          />
        </fieldset>
        {(changed || save.error) && (
          <div className="mt-4 flex flex-wrap items-center gap-3">
            {faults.rest && <ProblemNotice trouble={faults.rest} className="w-full" />}
            <Button type="submit" look="primary" disabled={save.isPending || !changed}>
              {save.isPending ? "Saving…" : "Save"}
            </Button>
            <Button onClick={() => setSettings(before)}>Take back</Button>
            <span className="text-sm text-muted">In force everywhere within two seconds.</span>
          </div>
        )}
      </form>
    </Card>
  );
}
