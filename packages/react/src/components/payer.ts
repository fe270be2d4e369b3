import type { FaucetModeItem, FaucetModelfaucet, FaucetProviderKey, RouteMode } from "@modelfaucet/sdk";
import type { Format } from "../format.ts";
import { isZero } from "../format.ts";
import { providerName } from "../providers.ts";
import type { BridgeReading } from "../stores/bridge-store.ts";
import type { Text } from "../texts/text.ts";

/** `Credits`, `Your key`, `This computer`. */
export function modeName(mode: RouteMode | undefined, text: Text): string {
  return mode === undefined ? text("mode.none") : text(`mode.${mode}`);
}

/** Whom the own key is of: the one that a call would use, else the first that is good. */
export function providerOfKey(
  item: FaucetModeItem | undefined,
  keys: readonly FaucetProviderKey[],
): string | undefined {
  const used = keys.find(({ id }) => id === item?.credential_id);
  const good = keys.find(({ status }) => status === "active");
  return (used ?? good ?? keys[0])?.provider;
}

/** What the user is told of an own key: whom it is paid to, and the fee of the app. Cannot be left out. */
export function byokDisclosure(
  { provider, app, feeUsd }: { provider: string; app: string | undefined; feeUsd: string },
  text: Text,
  format: Format,
): string {
  const values = { provider: providerName(provider), app: app ?? text("app.unknown") };
  return isZero(feeUsd)
    ? text("byok.disclosure.free", values)
    : text("byok.disclosure", { ...values, fee: format.price(feeUsd) });
}

/** Where a local answer would be made, as far as that is known before it is asked for. */
export function localDisclosure(
  { bridge, model, feeUsd }: { bridge: BridgeReading; model: string | undefined; feeUsd: string },
  text: Text,
  format: Format,
): string {
  const answering = bridge.models.filter(({ capabilities }) => capabilities.includes("chat"));
  const named = model === undefined ? undefined : answering.find(({ id }) => id === model);
  const only = named ?? (answering.length === 1 ? answering[0] : undefined);
  const remote = remoteEndpoint(bridge, only?.endpoint_id);
  const values = {
    model: only?.name ?? only?.id ?? model ?? text("model.local"),
    fee: format.price(feeUsd),
  };
  return remote ? text("local.remote", { ...values, endpoint: remote }) : text("local.disclosure", values);
}

/** While any endpoint could be the one that answers, the one that is not this computer is named. */
function remoteEndpoint(bridge: BridgeReading, endpointId: string | undefined): string | undefined {
  const possible = bridge.endpoints.filter(({ id }) => endpointId === undefined || id === endpointId);
  const remote = possible.find(({ remote }) => remote);
  if (remote) return remote.name;
  return bridge.models.find((model) => model.remote && model.endpoint_id === endpointId)?.endpoint_id;
}

/** What must be said of an answer that has come, one sentence each. */
export function answerNotes(
  paid: FaucetModelfaucet,
  { app, text, format }: { app: string | undefined; text: Text; format: Format },
): string[] {
  const notes: string[] = [];
  if (paid.simulated) notes.push(text("simulated"));
  if (paid.route_mode === "byok") {
    notes.push(
      text("byok.cost", {
        provider: providerName(paid.provider),
        estimate:
          paid.provider_estimate_usd === undefined
            ? text("estimate.unknown")
            : format.usd(paid.provider_estimate_usd),
        fee: format.usd(paid.fee_usd),
      }),
    );
  }
  if (paid.debug_log) notes.push(text("debug.on", { app: app ?? text("app.unknown") }));
  if (paid.usage_source === "estimated") notes.push(text("estimated"));
  if (paid.stopped === "balance") notes.push(text("cut.balance"));
  return notes;
}
