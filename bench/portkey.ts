// Portkey's gateway, which relays without books: the figure that ours is to be above while it keeps them.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

// Source: registry.npmjs.org, `@portkey-ai/gateway`, its `latest` of 2026-08-23, read 2026-11-25.
export const portkeyPackage = { name: "@portkey-ai/gateway", version: "1.15.2", resolvedOn: "2026-11-25" };

/** Where `pnpm portkey:install` puts it: the git-ignored cache, since 95 packages are no dependency of the product. */
export const portkeyFolder = join(
  dirname(fileURLToPath(import.meta.url)),
  "..",
  ".cache",
  `portkey-${portkeyPackage.version}`,
);
const entry = join(portkeyFolder, "node_modules", portkeyPackage.name, "build", "start-server.js");

export const hasPortkey = (): boolean => existsSync(entry);

/** As its own container starts it: in production, without its page of logs. */
export function portkeyCommand(port: number): { args: string[]; env: Record<string, string> } {
  return { args: [entry, `--port=${port}`, "--headless"], env: { NODE_ENV: "production" } };
}

/** Sends a call to the stub in the form of OpenAI, beside its `authorization`; loopback is among the hosts that it trusts unless told otherwise. */
export function portkeyHeaders(upstream: string): Record<string, string> {
  return { "x-portkey-provider": "openai", "x-portkey-custom-host": upstream };
}
