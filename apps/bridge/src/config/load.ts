import { readFileSync } from "node:fs";
import { isLoopbackHost, isRefusedHost } from "./address.ts";
import { ConfigurationError, type Environment } from "./environment.ts";
import { type Fault, faultLine, pathText, type ReadFile, readBridgeFile, sortedFaults } from "./file.ts";
import type { BridgeFile, EndpointEntry } from "./schema.ts";
import {
  type BridgeSettings,
  defaultExpireDays,
  defaultMaxConcurrency,
  defaultOllamaApiKey,
  defaultOllamaBaseUrl,
  defaultPort,
  type EndpointSettings,
} from "./settings.ts";

/** What flags say; each goes before the environment, which goes before the file. */
export type SettingFlags = { port?: number; ollamaBaseUrl?: string; ollamaApiKey?: string };

/**
 * The settings of this bridge.
 * @param path of the file, or `null` where there is none
 * @throws ConfigurationError with every fault of the file, by line and column
 */
export function loadSettings(
  path: string | null,
  flags: SettingFlags,
  environment: Environment,
): BridgeSettings {
  const ollama = {
    baseUrl: flags.ollamaBaseUrl ?? given(environment.MODELFAUCET_BRIDGE_OLLAMA_BASE_URL),
    apiKey: flags.ollamaApiKey ?? given(environment.MODELFAUCET_BRIDGE_OLLAMA_API_KEY),
  };
  const port = flags.port ?? portOfEnvironment(environment);
  if (path === null) return settingsOf(fileless(ollama), port);

  const read = readBridgeFile(readFileSync(path, "utf8"));
  if ("faults" in read) throw faultError(path, read.faults);
  const faults: Fault[] = [];
  const endpoints = endpointsOf(read, ollama, environment, faults);
  aliasFaults(read, faults);
  if (faults.length > 0) throw faultError(path, faults);
  return settingsOf({ file: read.file, endpoints }, port);
}

type Ollama = { baseUrl: string | undefined; apiKey: string | undefined };

function fileless(ollama: Ollama): { file: null; endpoints: EndpointSettings[] } {
  const baseUrl = ollama.baseUrl ?? defaultOllamaBaseUrl;
  const fault = urlFault(baseUrl, false);
  if (fault !== null) throw new ConfigurationError([`the base URL of Ollama ${fault}`]);
  const endpoint: EndpointSettings = {
    id: "ollama",
    name: "Ollama on this computer",
    kind: "ollama",
    baseUrl: plainUrl(baseUrl),
    apiKey: ollama.apiKey ?? defaultOllamaApiKey,
    isRemote: false,
    models: null,
    contextLengths: [],
    maxConcurrency: defaultMaxConcurrency,
  };
  return { file: null, endpoints: [endpoint] };
}

function settingsOf(
  read: { file: BridgeFile | null; endpoints: readonly EndpointSettings[] },
  port: number | undefined,
): BridgeSettings {
  const { file, endpoints } = read;
  const mib = 1_048_576;
  return {
    host: file?.listen.host ?? "127.0.0.1",
    port: port ?? file?.listen.port ?? defaultPort,
    endpoints,
    aliases: new Map(Object.entries(file?.aliases ?? {})),
    expireAfterDays: file?.grants.expire_after_days ?? defaultExpireDays,
    bodyLimitBytes: (file?.limits.body_mib ?? 32) * mib,
    firstByteMs: (file?.limits.first_byte_s ?? 300) * 1000,
    idleMs: (file?.limits.idle_s ?? 120) * 1000,
    totalMs: (file?.limits.total_min ?? 30) * 60_000,
    maxReports: file?.usage_queue.max_reports ?? 10_000,
    keepReportsDays: file?.usage_queue.keep_days ?? 30,
    logLevel: file?.log.level ?? "info",
  };
}

function endpointsOf(
  read: ReadFile,
  ollama: Ollama,
  environment: Environment,
  faults: Fault[],
): EndpointSettings[] {
  const seen = new Set<string>();
  const note = (path: readonly PropertyKey[], message: string): void => {
    faults.push({ ...read.placeOf(path), path: pathText(path), message });
  };
  return read.file.endpoints.map((entry, index) => {
    const at = ["endpoints", index];
    if (seen.has(entry.id)) note([...at, "id"], "is the id of another endpoint");
    seen.add(entry.id);
    const isOllama = entry.id === "ollama";
    const baseUrl = (isOllama ? ollama.baseUrl : undefined) ?? entry.base_url;
    const fault = urlFault(baseUrl, entry.allow_remote);
    if (fault !== null) note([...at, "base_url"], fault);
    const apiKey = (isOllama ? ollama.apiKey : undefined) ?? keyOf(entry, environment);
    if (apiKey === undefined) note([...at, "api_key"], "names a variable that is not set");
    return {
      id: entry.id,
      name: entry.name ?? entry.id,
      kind: entry.kind,
      baseUrl: plainUrl(baseUrl),
      apiKey: apiKey ?? null,
      isRemote: fault === null && !isLoopbackHost(new URL(baseUrl).hostname),
      models: entry.models ?? null,
      contextLengths: Object.entries(entry.context_lengths),
      maxConcurrency: entry.max_concurrency ?? defaultMaxConcurrency,
    };
  });
}

function keyOf(entry: EndpointEntry, environment: Environment): string | null | undefined {
  if (entry.api_key === undefined) return null;
  return given(environment[entry.api_key.slice("env:".length)]);
}

function aliasFaults(read: ReadFile, faults: Fault[]): void {
  const ids = new Set(read.file.endpoints.map(({ id }) => id));
  for (const [feature, model] of Object.entries(read.file.aliases)) {
    const separator = model.indexOf(":");
    if (separator > 0 && separator < model.length - 1 && ids.has(model.slice(0, separator))) continue;
    const path = ["aliases", feature];
    const message = "must be the id of an endpoint in this file, a colon, and a model's name";
    faults.push({ ...read.placeOf(path), path: pathText(path), message });
  }
}

/** Why a URL cannot be an endpoint's, or `null`. */
function urlFault(text: string, allowRemote: boolean): string | null {
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

const plainUrl = (text: string): string =>
  URL.canParse(text) ? new URL(text).href.replace(/\/+$/, "") : text;

function portOfEnvironment(environment: Environment): number | undefined {
  const text = given(environment.MODELFAUCET_BRIDGE_PORT);
  if (text === undefined) return undefined;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535)
    throw new ConfigurationError(["MODELFAUCET_BRIDGE_PORT must be a port from 0 to 65535"]);
  return port;
}

function faultError(path: string, faults: readonly Fault[]): ConfigurationError {
  return new ConfigurationError(sortedFaults(faults).map((fault) => faultLine(path, fault)));
}

/** A variable that is empty is not set. */
function given(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}
