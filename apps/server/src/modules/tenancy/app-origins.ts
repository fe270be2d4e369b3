import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { readAllowedOrigins } from "./app-store.ts";

/** Every origin that some live app allows, in memory: a preflight names no app and asks for no database. */
export type AppOrigins = { has(origin: string): boolean };

export async function createAppOrigins(deps: {
  database: Pick<Database, "read">;
  feed: Pick<ChangeFeed, "on">;
}): Promise<AppOrigins> {
  let origins: ReadonlySet<string> = new Set();
  const reload = async (): Promise<void> => {
    origins = new Set(await deps.database.read({ purpose: "cache" }, readAllowedOrigins));
  };
  deps.feed.on("app", reload);
  await reload();
  return { has: (origin) => origins.has(origin) };
}
