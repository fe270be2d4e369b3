import { existsSync } from "node:fs";
import { ConfigurationError, type Environment } from "../config/environment.ts";
import type { Home } from "../home/home.ts";

/** The file of settings: a named one must be there, the one in the home folder may be missing. */
export function configPathOf(home: Home, environment: Environment, flag?: string): string | null {
  const named = flag ?? (environment.MODELFAUCET_BRIDGE_CONFIG || undefined);
  if (named !== undefined) {
    if (!existsSync(named)) throw new ConfigurationError([`${named}: there is no such file`]);
    return named;
  }
  return existsSync(home.config) ? home.config : null;
}
