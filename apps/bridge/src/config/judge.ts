import { isObject, type JsonObject } from "../json.ts";
import { isLoopbackHost, isRefusedHost } from "./address.ts";
import { type Environment, given } from "./environment.ts";

/** What flags or the environment say instead of the file, for the endpoint `ollama`. */
export type OllamaOverride = { baseUrl: string | undefined; apiKey: string | undefined };

export type Judgement = { path: PropertyKey[]; message: string };

/**
 * What no single field shows: ids that are there twice, URLs of another computer, keys that are not set, aliases to
 * nowhere. Reads the file as it was written, so that its faults are told beside those of its form.
 */
export function judgeWhole(
  content: unknown,
  around: { ollama: OllamaOverride; environment: Environment },
): Judgement[] {
  if (!isObject(content)) return [];
  const endpoints = (Array.isArray(content.endpoints) ? (content.endpoints as unknown[]) : []).map((entry) =>
    isObject(entry) ? entry : {},
  );
  const ids = endpoints.map(({ id }) => id);
  return [
    ...endpoints.flatMap((entry, index) => [
      ...(typeof entry.id === "string" && ids.indexOf(entry.id) < index
        ? [{ path: ["endpoints", index, "id"], message: "is the id of another endpoint" }]
        : []),
      ...endpointFaults(entry, around).map(({ path, message }) => ({
        path: ["endpoints", index, ...path],
        message,
      })),
    ]),
    ...aliasFaults(content.aliases, ids),
  ];
}

/** Why a URL cannot be an endpoint's, or `null`. */
export function urlFault(text: string, allowRemote: boolean): string | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:"))
    return "must be an http or https URL";
  if (url.username !== "" || url.password !== "")
    return "must carry no user name and no password; use `api_key`";
  if (url.search !== "" || url.hash !== "") return "must carry no query and no fragment";
  if (isRefusedHost(url.hostname)) return "is an address that the bridge never calls";
  if (isLoopbackHost(url.hostname) || allowRemote) return null;
  return "is not on this computer; `allow_remote: true` allows it, and pages are told so";
}

/** The value of `env:NAME`; `undefined` when it is not set or no such reference. */
export function keyOf(reference: unknown, environment: Environment): string | undefined {
  if (typeof reference !== "string" || !reference.startsWith("env:")) return undefined;
  return given(environment[reference.slice("env:".length)]);
}

function endpointFaults(
  entry: JsonObject,
  { ollama, environment }: { ollama: OllamaOverride; environment: Environment },
): Judgement[] {
  const override = entry.id === "ollama" ? ollama : { baseUrl: undefined, apiKey: undefined };
  const faults: Judgement[] = [];
  const baseUrl = override.baseUrl ?? entry.base_url;
  const fault = typeof baseUrl === "string" ? urlFault(baseUrl, entry.allow_remote === true) : null;
  if (fault !== null) faults.push({ path: ["base_url"], message: fault });
  const needsKey = entry.api_key !== undefined && override.apiKey === undefined;
  if (needsKey && keyOf(entry.api_key, environment) === undefined)
    faults.push({ path: ["api_key"], message: "names a variable that is not set" });
  return faults;
}

function aliasFaults(aliases: unknown, ids: readonly unknown[]): Judgement[] {
  if (!isObject(aliases)) return [];
  return Object.entries(aliases).flatMap(([feature, model]) => {
    const separator = typeof model === "string" ? model.indexOf(":") : -1;
    const isFine =
      typeof model === "string" &&
      separator < model.length - 1 &&
      ids.includes(model.slice(0, Math.max(0, separator)));
    const message = "must be the id of an endpoint in this file, a colon, and a model's name";
    return isFine ? [] : [{ path: ["aliases", feature], message }];
  });
}
