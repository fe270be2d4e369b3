import type { LogLevel } from "../log.ts";

export const endpointKinds = ["ollama", "lmstudio", "llamacpp", "vllm", "openai_compatible"] as const;
export type EndpointKind = (typeof endpointKinds)[number];

/** One model server, as the user's file names it. Nothing in it ever comes from a request. */
export type EndpointSettings = {
  readonly id: string;
  readonly name: string;
  readonly kind: EndpointKind;
  /** Without a slash at its end. */
  readonly baseUrl: string;
  readonly apiKey: string | null;
  /** Not this computer. */
  readonly isRemote: boolean;
  /** Globs; `null`: all that the server lists. */
  readonly models: readonly string[] | null;
  /** Upper bounds by glob, in the order of the file. */
  readonly contextLengths: readonly (readonly [glob: string, tokens: number])[];
  readonly maxConcurrency: number;
};

export type BridgeSettings = {
  /** The address that is told; both loopback addresses are bound. */
  readonly host: string;
  readonly port: number;
  readonly endpoints: readonly EndpointSettings[];
  /** Feature key → model id. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly expireAfterDays: number;
  readonly bodyLimitBytes: number;
  readonly firstByteMs: number;
  readonly idleMs: number;
  readonly totalMs: number;
  readonly maxReports: number;
  readonly keepReportsDays: number;
  readonly logLevel: LogLevel;
};

export const defaultPort = 8787;
export const defaultOllamaBaseUrl = "http://127.0.0.1:11434/v1";
export const defaultOllamaApiKey = "ollama";
export const defaultExpireDays = 90;
export const defaultMaxConcurrency = 8;
