import type { SwitchTarget as Switchable } from "@modelfaucet/contract/objects/switch.ts";
import { oneOf, type RawSearch, texts } from "../../format/search-text.ts";

/** What the URL of the switches holds. */
export type SwitchesSearch = {
  type?: SwitchTarget | undefined;
  /** As the API takes it: an app's public id, `app/feature`, a provider's name, else an id. */
  target?: string | undefined;
  state?: SwitchState | undefined;
  cursor?: string | undefined;
};

export const switchTargets = [
  "platform",
  "developer",
  "app",
  "feature",
  "end_user",
  "wallet",
  "session",
  "token",
  "credential",
  "provider",
] as const satisfies readonly Switchable[];
export type SwitchTarget = (typeof switchTargets)[number];
export const switchStates = ["off", "throttled", "on"] as const;
export type SwitchState = (typeof switchStates)[number];

export function switchesSearch(raw: RawSearch): SwitchesSearch {
  const type = oneOf(raw, "type", switchTargets);
  return {
    ...type,
    // A target is one of a type; of the platform there is only one.
    ...(type.type === undefined || type.type === "platform"
      ? {}
      : texts(raw, /^[a-zA-Z0-9_.:/-]{1,257}$/, "target")),
    ...oneOf(raw, "state", switchStates),
    ...texts(raw, /^.{1,512}$/, "cursor"),
  };
}
