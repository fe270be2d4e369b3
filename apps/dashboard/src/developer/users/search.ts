import { oneOf, type RawSearch, texts } from "../../format/search-text.ts";

/** What the URL of an app's end users holds. */
export type UsersSearch = {
  /** The app's own name for a user. */
  user?: string | undefined;
  status?: UserStatus | undefined;
  sort?: UserSort | undefined;
  cursor?: string | undefined;
};

export const userStatuses = ["active", "suspended"] as const;
type UserStatus = (typeof userStatuses)[number];
export const userSorts = ["last_seen", "spent"] as const;
type UserSort = (typeof userSorts)[number];

export function usersSearch(raw: RawSearch): UsersSearch {
  return {
    ...texts(raw, /^.{1,512}$/, "user"),
    ...oneOf(raw, "status", userStatuses),
    ...oneOf(raw, "sort", userSorts),
    ...texts(raw, /^.{1,512}$/, "cursor"),
  };
}
