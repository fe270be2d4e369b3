// Portkey's gateway, which relays without books: the figure that ours is to be above while it keeps them.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// Source: registry.npmjs.org, `@portkey-ai/gateway`, its `latest` of 2026-08-23, read 2026-11-25.
const name = "@portkey-ai/gateway";
const version = "1.15.2";

/**
 * What is installed. The server under it is held at the last version with which it streams: with a later one every
 * stream is answered by 500, `TypeError: immutable`. Source: Portkey-AI/gateway issue 1389, and tried, 2026-11-25.
 */
export const portkeyManifest = {
  private: true,
  dependencies: { [name]: version },
  overrides: { "@hono/node-server": "1.14.1" },
};
/** What it depends on is resolved as of this day, so that every machine measures the same. */
export const portkeyResolvedOn = "2026-11-25";

/** Where `pnpm portkey:install` puts it: the git-ignored cache, since 95 packages are no dependency of the product. */
export const portkeyFolder = join(
  dirname(fileURLToPath(import.meta.url)),
  "..",
  ".cache",
  `portkey-${version}`,
);
const entry = join(portkeyFolder, "node_modules", name, "build", "start-server.js");

export const hasPortkey = (): boolean => existsSync(entry);

/** As its own container starts it: in production, without its page of logs. */
export function portkeyCommand(port: number): { args: string[]; env: Record<string, string> } {
  return { args: [entry, `--port=${port}`, "--headless"], env: { NODE_ENV: "production" } };
}

/** Sends a call to the stub in the form of OpenAI, beside its `authorization`; loopback is among the hosts that it trusts unless told otherwise. */
export function portkeyHeaders(upstream: string): Record<string, string> {
  return { "x-portkey-provider": "openai", "x-portkey-custom-host": upstream };
}
