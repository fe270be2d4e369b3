import { plural } from "../../format/count.ts";
import { Chip, type Tone } from "../../ui/chip.tsx";
import type { SwitchState, SwitchTarget } from "./search.ts";
import type { SwitchItem } from "./switches-query.ts";

/** Each kind of target: what it is called, how one of it is named, and what happens within two seconds of switching it off. */
export const targetWords: Record<SwitchTarget, { word: string; target: string; off: string; hint?: string }> =
  {
    platform: {
      word: "Everything",
      target: "",
      off: "every call of every app is refused and every open stream is cut",
    },
    developer: {
      word: "Developer",
      target: "Developer id",
      off: "its apps and tokens are refused, and open streams of its users are cut",
      hint: "begin with a name to find it",
    },
    app: {
      word: "App",
      target: "Public app id",
      off: "its calls are refused and the open streams of its users are cut",
      hint: "begin with a name to find it",
    },
    feature: {
      word: "Feature",
      target: "App and feature",
      off: "its calls are refused and its open streams are cut",
      hint: "app/feature, for example app_pub_demo/customer_reply",
    },
    end_user: {
      word: "End user",
      target: "End user id",
      off: "their calls are refused and their open streams are cut",
      hint: "that of the wallet too",
    },
    wallet: {
      word: "Wallet",
      target: "Wallet id",
      off: "its owner's calls are refused and their open streams are cut; balance and receipts stay",
    },
    session: {
      word: "Session",
      target: "Session id",
      off: "its calls are refused and its open streams are cut",
    },
    token: { word: "Developer token", target: "Token id", off: "calls with it are refused" },
    credential: { word: "Provider key", target: "Key id", off: "no call uses it and open streams by it end" },
    provider: {
      word: "Provider",
      target: "Provider",
      off: "no route leads to it and open streams of it end, charged to nobody",
    },
  };

const stateWords: Record<SwitchState, { word: string; tone: Tone }> = {
  on: { word: "On", tone: "good" },
  off: { word: "Off", tone: "bad" },
  throttled: { word: "Throttled", tone: "warn" },
};

export function SwitchChip({ item }: { item: Pick<SwitchItem, "state" | "throttle_rpm"> }) {
  const { word, tone } = stateWords[item.state];
  return (
    <Chip tone={tone} {...(item.throttle_rpm ? { title: rateWords(item.throttle_rpm) } : {})}>
      {word}
    </Chip>
  );
}

/** `60 calls a minute`. */
export function rateWords(rpm: number): string {
  return `${plural(rpm, "call")} a minute`;
}

/** `2 of 3 instances`; all of them are as it should be. */
export function instanceWords({ instances: { acknowledged, total } }: SwitchItem): string {
  return `${acknowledged} of ${plural(total, "instance")}`;
}
