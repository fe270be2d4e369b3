import { wrongCursor } from "./key-cursor.ts";

/** What a cursor of a list may hold: the place below which the next page begins. */
export const placeForms = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  number: /^\d{1,18}$/,
  transaction: /^[a-z_]{1,32}\/[0-9a-f-]{36}\/[A-Za-z0-9_:-]{1,128}$/,
} as const;

/** The place that a cursor names, `null` on the first page. @throws ApiError invalid_request */
export function placeOf(cursor: string | undefined, ...forms: readonly RegExp[]): string | null {
  if (cursor === undefined) return null;
  const place = Buffer.from(cursor, "base64url").toString("utf8");
  if (forms.some((form) => form.test(place))) return place;
  throw wrongCursor();
}

export function cursorOf(place: string | null): string | null {
  return place === null ? null : Buffer.from(place).toString("base64url");
}
