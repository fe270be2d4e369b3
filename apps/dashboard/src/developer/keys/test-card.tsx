import type { testDeveloperProviderKey } from "@modelfaucet/contract/routes/provider-keys.ts";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { call, type Problem } from "../../api/call.ts";
import { plural, showDuration } from "../../format/count.ts";
import { Button } from "../../ui/button.tsx";
import { Card } from "../../ui/card.tsx";
import { Cross, Tick } from "../../ui/icons.tsx";
import { ProblemNotice } from "../../ui/problem-notice.tsx";
import { ScrollBox } from "../../ui/scroll-box.tsx";
import { type KeyTest, keyQuery, keysPath, type ProviderKey } from "./keys-queries.ts";
import { reasonWords, vendorName } from "./words.tsx";

/** Asks the vendor whether the key is good, by a call that costs nothing. */
export function TestCard({ item, mayWrite }: { item: ProviderKey; mayWrite: boolean }) {
  const queryClient = useQueryClient();
  const test = useMutation<KeyTest, Problem>({
    mutationFn: () =>
      call<typeof testDeveloperProviderKey>("POST", "/v1/developer/provider-keys/:id/test", {
        params: { id: item.id },
      }),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: keyQuery(item.id).queryKey });
      void queryClient.invalidateQueries({ queryKey: [keysPath] });
    },
  });
  return (
    <Card
      title="Test"
      aside={
        mayWrite && (
          <Button small disabled={test.isPending} onClick={() => test.mutate()}>
            {test.isPending ? "Asking…" : "Test key"}
          </Button>
        )
      }
    >
      <div aria-live="polite" className="border-t border-line px-4 py-4 text-sm">
        {test.isPending ? (
          <p className="text-muted">Asking {vendorName(item.provider)}; it has some seconds to answer.</p>
        ) : test.error ? (
          <ProblemNotice trouble={test.error} retry={() => test.mutate()} />
        ) : test.data ? (
          <Result test={test.data} />
        ) : (
          <p className="text-muted">
            A free call to {vendorName(item.provider)} says whether the key is good. It is charged to nobody.
          </p>
        )}
      </div>
    </Card>
  );
}

function Result({ test }: { test: KeyTest }) {
  const took = showDuration(test.latency_ms);
  if (!test.ok) {
    return (
      <p className="flex items-baseline gap-2 text-bad">
        <Cross label="failed" />
        <span>
          {test.reason ? reasonWords[test.reason].says : "The vendor refused it."} It took {took}.
        </span>
      </p>
    );
  }
  return (
    <>
      <p className="flex items-baseline gap-2 text-good">
        <Tick label="good" />
        <span>
          The key is good{test.models_count === undefined ? "" : `: ${plural(test.models_count, "model")}`}.
          It took {took}.
        </span>
      </p>
      {test.models && test.models.length > 0 && (
        <ScrollBox label="Models" className="mt-3 max-h-48">
          <ul className="flex flex-wrap gap-x-4 gap-y-1 font-mono text-xs text-muted">
            {test.models.map((model) => (
              <li key={model} className="[overflow-wrap:anywhere]">
                {model}
              </li>
            ))}
          </ul>
        </ScrollBox>
      )}
    </>
  );
}
