import type { addProviderKey, removeProviderKey } from "@modelfaucet/contract/routes/platform.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { call, type Problem } from "../../api/call.ts";
import { faultsOf } from "../../api/faults.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Empty } from "../../ui/empty.tsx";
import { TextField } from "../../ui/field.tsx";
import { Moment } from "../../ui/moment.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { Row, Table, Td, Th } from "../../ui/table.tsx";
import { ReasonField } from "../reason-field.tsx";
import { type Provider, providerQuery, providersQuery } from "./providers-queries.ts";

type Key = Provider["keys"][number];

/** The keys in use, masked. A key goes in here and never comes out. */
export function KeysCard({ item, mayWrite }: { item: Provider; mayWrite: boolean }) {
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Key | null>(null);
  return (
    <Card
      title="Keys"
      note={item.keys.some(({ source }) => source === "environment") ? "from the environment" : undefined}
      aside={
        mayWrite && (
          <Button small onClick={() => setAdding(true)}>
            Add key
          </Button>
        )
      }
    >
      {item.keys.length === 0 ? (
        <Empty title="No key">
          Calls go out without one. Where the provider wants a key, add it here; it is sealed at once and
          shown by its last letters only.
        </Empty>
      ) : (
        <KeyTable keys={item.keys} mayWrite={mayWrite} remove={setRemoving} />
      )}
      {adding && <AddKeyDialog item={item} close={() => setAdding(false)} />}
      {removing && <RemoveKeyDialog item={item} apiKey={removing} close={() => setRemoving(null)} />}
    </Card>
  );
}

function KeyTable({
  keys,
  mayWrite,
  remove,
}: {
  keys: readonly Key[];
  mayWrite: boolean;
  remove: (key: Key) => void;
}) {
  return (
    <Table
      label="Keys"
      head={
        <>
          <Th wide>Key</Th>
          <Th>From</Th>
          <Th className="max-sm:hidden">Added</Th>
          <Th />
        </>
      }
    >
      {keys.map((key) => (
        <Row key={key.id ?? key.masked} id={key.id ?? key.masked}>
          <Td wide>
            <code className="font-mono text-sm">{key.masked}</code>
          </Td>
          <Td className="text-muted">{key.source === "stored" ? "here" : "environment"}</Td>
          <Td className="max-sm:hidden">
            {key.created_at ? <Moment at={key.created_at} /> : <span className="text-muted">–</span>}
          </Td>
          <Td right>
            {mayWrite && key.id !== undefined && (
              <Button small onClick={() => remove(key)}>
                Remove
              </Button>
            )}
          </Td>
        </Row>
      ))}
    </Table>
  );
}

function AddKeyDialog({ item, close }: { item: Provider; close: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const add = useMutation<Provider, Problem, { api_key: string; reason: string }>({
    mutationFn: (body) =>
      call<typeof addProviderKey>("POST", "/v1/admin/providers/:provider/keys", {
        params: { provider: item.provider },
        body,
      }),
    // What was sent is forgotten with the dialog: no cache of this page holds a key.
    gcTime: 0,
    onSuccess: (answer) => {
      queryClient.setQueryData(providerQuery(answer.provider).queryKey, answer);
      void queryClient.invalidateQueries({ queryKey: providersQuery().queryKey });
      close();
    },
  });
  const faults = faultsOf(add.error, ["api_key", "reason"]);
  const resting = item.keys.some(({ source }) => source === "environment");
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    add.mutate({ api_key: String(form.get("api_key")).trim(), reason: reason.trim() });
  };
  return (
    <Dialog title={`Add key to ${item.provider}`} close={close}>
      <form onSubmit={onSubmit} className="grid gap-4" autoComplete="off">
        <TextField
          label="Key"
          name="api_key"
          type="password"
          data-first=""
          required
          maxLength={4096}
          autoComplete="new-password"
          spellCheck={false}
          hint="sealed at once; it cannot be read again, by nobody"
          fault={faults.of.get("api_key")}
        />
        <ReasonField reason={reason} change={setReason} fault={faults.of.get("reason")} />
        {resting && (
          <p className="text-sm text-muted">
            The keys of the environment rest as long as one is stored here; they serve again when the last
            stored one is removed.
          </p>
        )}
        {faults.rest && <ProblemNotice trouble={faults.rest} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Cancel</Button>
          <Button type="submit" look="primary" disabled={add.isPending}>
            {add.isPending ? "Adding…" : "Add key"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function RemoveKeyDialog({ item, apiKey, close }: { item: Provider; apiKey: Key; close: () => void }) {
  const queryClient = useQueryClient();
  const [reason, setReason] = useState("");
  const remove = useMutation<unknown, Problem, string>({
    mutationFn: (reason) =>
      call<typeof removeProviderKey>("DELETE", "/v1/admin/providers/:provider/keys/:id", {
        params: { provider: item.provider, id: apiKey.id ?? "" },
        query: { reason },
      }),
    onSuccess: async () => {
      void queryClient.invalidateQueries({ queryKey: providersQuery().queryKey });
      await queryClient.invalidateQueries({ queryKey: providerQuery(item.provider).queryKey });
      close();
    },
  });
  const last = item.keys.filter(({ source }) => source === "stored").length === 1;
  return (
    <Dialog title={`Remove key ${apiKey.masked}?`} close={close}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          remove.mutate(reason.trim());
        }}
      >
        <p>
          Within two seconds no call to {item.provider} carries it, and what is sealed of it is destroyed.
          This cannot be undone: add the key again where it is needed.
          {last &&
            " It is the last one stored here; the environment's keys serve again, where there are any."}
        </p>
        <ReasonField reason={reason} change={setReason} fault={undefined} />
        {remove.error && <ProblemNotice trouble={remove.error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={close}>Keep it</Button>
          <Button type="submit" look="danger" disabled={remove.isPending}>
            {remove.isPending ? "Removing…" : "Remove key"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
