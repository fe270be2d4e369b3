import { readFileSync } from "node:fs";
import { isLoopbackHost } from "./address.ts";
import { ConfigurationError, type Environment, given } from "./environment.ts";
import { faultLine, pathText, readBridgeFile, sortedFaults } from "./file.ts";
import { judgeWhole, keyOf, type OllamaOverride, urlFault } from "./judge.ts";
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
  const told = new Set(read.faults.map((fault) => fault.path));
  const judged = judgeWhole(read.content, { ollama, environment })
    .map((item) => ({ ...read.placeOf(item.path), path: pathText(item.path), message: item.message }))
    .filter((fault) => !told.has(fault.path));
  const faults = sortedFaults([...read.faults, ...judged]);
  if (read.file === null || faults.length > 0) {
    throw new ConfigurationError(faults.map((fault) => faultLine(path, fault)));
  }
  const endpoints = read.file.endpoints.map((entry) => endpointOf(entry, ollama, environment));
  return settingsOf({ file: read.file, endpoints }, port);
}

function fileless(ollama: OllamaOverride): { file: null; endpoints: EndpointSettings[] } {
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

function endpointOf(
  entry: EndpointEntry,
  ollama: OllamaOverride,
  environment: Environment,
): EndpointSettings {
  const override = entry.id === "ollama" ? ollama : { baseUrl: undefined, apiKey: undefined };
  const baseUrl = override.baseUrl ?? entry.base_url;
  return {
    id: entry.id,
    name: entry.name ?? entry.id,
    kind: entry.kind,
    baseUrl: plainUrl(baseUrl),
    apiKey: override.apiKey ?? keyOf(entry.api_key, environment) ?? null,
    isRemote: !isLoopbackHost(new URL(baseUrl).hostname),
    models: entry.models ?? null,
    contextLengths: Object.entries(entry.context_lengths),
    maxConcurrency: entry.max_concurrency ?? defaultMaxConcurrency,
  };
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
