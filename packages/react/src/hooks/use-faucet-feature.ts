import type { FaucetError, FaucetFeatureCallInput, FaucetFeatureResult } from "@modelfaucet/sdk";
import { useCallback, useEffect, useRef, useState } from "react";
import { useFaucetContext } from "../provider.tsx";
import { errorOf } from "../stores/resource.ts";

type FaucetFeatureState = {
  status: "idle" | "running" | "done" | "stopped" | "failed";
  result: FaucetFeatureResult | null;
  error: FaucetError | null;
};

export type FaucetFeatureHook = FaucetFeatureState & {
  /** One whole answer. Never throws: what went wrong is in `error`. A second call while one runs does nothing. */
  run(
    input: FaucetFeatureCallInput["input"],
    more?: Omit<FaucetFeatureCallInput, "feature" | "input" | "signal">,
  ): Promise<FaucetFeatureResult | null>;
  stop(): void;
};

const nothing: FaucetFeatureState = { status: "idle", result: null, error: null };

export function useFaucetFeature(feature: string): FaucetFeatureHook {
  const { client, stores } = useFaucetContext();
  const [state, setState] = useState(nothing);
  const running = useRef<AbortController | null>(null);
  useEffect(
    () => () => {
      running.current?.abort();
      running.current = null;
    },
    [],
  );
  const stop = useCallback(() => running.current?.abort(), []);
  const run = useCallback<FaucetFeatureHook["run"]>(
    async (input, more = {}) => {
      if (running.current !== null) return null;
      const own = new AbortController();
      running.current = own;
      const end = (next: Partial<FaucetFeatureState>) => {
        if (running.current !== own) return;
        running.current = null;
        setState({ ...nothing, ...next });
      };
      setState({ ...nothing, status: "running" });
      try {
        const result = await client.runFeature({ ...more, feature, input, signal: own.signal });
        end({ status: "done", result });
        return result;
      } catch (caught) {
        const error = errorOf(caught);
        end(error.code === "aborted" ? { status: "stopped" } : { status: "failed", error });
        return null;
      } finally {
        stores.wallet.refresh();
      }
    },
    [client, stores, feature],
  );
  return { ...state, run, stop };
}
