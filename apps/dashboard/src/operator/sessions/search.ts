import { oneOf, type RawSearch, texts } from "../../format/search-text.ts";

/** What the URL of the sessions holds: whose they are, by one key, and in which state. */
export type SessionsSearch = {
  by?: SessionKey | undefined;
  of?: string | undefined;
  status?: SessionStatus | undefined;
  cursor?: string | undefined;
};

export const sessionKeys = ["end_user_id", "public_app_id", "developer_id", "session_id", "origin"] as const;
export type SessionKey = (typeof sessionKeys)[number];
export const sessionStatuses = ["live", "expired", "revoked"] as const;
type SessionStatus = (typeof sessionStatuses)[number];

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const forms: Record<SessionKey, RegExp> = {
  end_user_id: uuid,
  public_app_id: /^[a-zA-Z0-9_:-]{1,128}$/,
  developer_id: uuid,
  session_id: uuid,
  origin: /^https?:\/\/[^\s/]{1,240}$/,
};

export function sessionsSearch(raw: RawSearch): SessionsSearch {
  const { by } = oneOf(raw, "by", sessionKeys);
  return {
    ...(by === undefined ? {} : { by, ...texts(raw, forms[by], "of") }),
    ...oneOf(raw, "status", sessionStatuses),
    ...texts(raw, /^.{1,512}$/, "cursor"),
  };
}
