import type { Ground } from "./ground.ts";
import type { Call, Target } from "./load.ts";
import type { CaseName } from "./options.ts";
import { portkeyHeaders } from "./portkey.ts";
import type { Rig } from "./rig.ts";
import type { Traffic } from "./traffic.ts";

/** A case that is loaded as fast as it answers. */
export type ScenarioName = Exclude<CaseName, "streams" | "console">;

const messages = [
  { role: "system", content: "You write short, friendly replies for a customer desk." },
  {
    role: "user",
    content: "The parcel of order 4711 has not arrived yet. Write two sentences to the customer.",
  },
];

export function bareTarget(scenario: ScenarioName, rig: Rig, ground: Ground): Target {
  const path =
    scenario === "auth" ? "/v1/models" : scenario === "boundary" ? "/refused" : "/v1/chat/completions";
  const calls = [callOf(scenario, ground, path, bearer(ground.main.tokens[0]!))];
  return { url: rig.bareHop, calls, ...expected(scenario) };
}

/** Settled or refused by ours, whatever the case asks for. */
export function gatewayTarget(scenario: ScenarioName, rig: Rig, ground: Ground, traffic: Traffic): Target {
  const path = scenario === "auth" ? "/v1/models" : "/v1/chat/completions";
  const calls = traffic.tokens.map((token) => callOf(scenario, ground, path, bearer(token)));
  return { url: rig.gateway, calls, ...expected(scenario) };
}

/** The same completion through Portkey's gateway to the same upstream. */
export function portkeyTarget(scenario: ScenarioName, url: string, rig: Rig, ground: Ground): Target {
  const headers = { ...bearer("none"), ...portkeyHeaders(rig.upstream) };
  return {
    url,
    calls: [callOf(scenario, ground, "/v1/chat/completions", headers)],
    ...expected(scenario),
  };
}

const bearer = (token: string): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  "content-type": "application/json",
});

function callOf(scenario: ScenarioName, ground: Ground, path: string, headers: Record<string, string>): Call {
  if (scenario === "auth") return { method: "GET", path, headers };
  const stream = scenario === "stream" ? { stream: true } : {};
  const asked = { model: ground.model, messages, max_tokens: 256, ...stream };
  // A client may not say where its request goes: refused behind session and body, before anything is held.
  const body = scenario === "boundary" ? { ...asked, base_url: "http://127.0.0.1" } : asked;
  return { method: "POST", path, headers, body: JSON.stringify(body) };
}

function expected(scenario: ScenarioName): Pick<Target, "expectedStatus" | "bodyEnd"> {
  return {
    expectedStatus: scenario === "boundary" ? 400 : 200,
    bodyEnd: scenario === "stream" ? "data: [DONE]\n\n" : null,
  };
}
