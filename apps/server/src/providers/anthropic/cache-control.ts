import type { JsonObject } from "../provider.ts";
import { isObject } from "../upstream-failure.ts";
import type { Translation } from "./translation.ts";

/**
 * The mark behind which a prompt is cached, where it is given. Writing for an hour costs more than the price book's one
 * price of a cache write, so that is refused.
 * Source: https://platform.claude.com/docs/en/build-with-claude/prompt-caching (pricing), read November 2026.
 */
export function cacheControl(holder: JsonObject, place: string, translation: Translation): JsonObject {
  const given = holder.cache_control;
  if (given === undefined || given === null) return {};
  const param = place === "" ? "cache_control" : `${place}.cache_control`;
  if (!isObject(given) || given.type !== "ephemeral")
    return translation.refuse(param, "must be of type ephemeral");
  const { ttl } = given;
  if (ttl === undefined || ttl === null) return { cache_control: { type: "ephemeral" } };
  if (ttl !== "5m") translation.refuse(`${param}.ttl`, "must be 5m: no other time has a price here");
  return { cache_control: { type: "ephemeral", ttl } };
}
