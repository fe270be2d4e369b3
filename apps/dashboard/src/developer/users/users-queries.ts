import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listAppUsers, readAppUser } from "@modelfaucet/contract/routes/identity.ts";
import { type Reading, read, readKept } from "../../api/read.ts";
import type { UsersSearch } from "./search.ts";

export type AppUser = AnswerOf<typeof listAppUsers>["items"][number];
export type AppUserDetails = AnswerOf<typeof readAppUser>;

export const usersPath = "/v1/developer/apps/:publicAppId/users";
const userPath = "/v1/developer/apps/:publicAppId/users/:id";

export function usersQuery(
  appId: string,
  { user, status, sort, cursor }: UsersSearch,
): Reading<typeof listAppUsers> {
  return readKept<typeof listAppUsers>(usersPath, {
    params: { publicAppId: appId },
    query: { limit: 50, external_user_id: user, status, sort, cursor },
  });
}

export function userQuery(appId: string, id: string): Reading<typeof readAppUser> {
  return read<typeof readAppUser>(userPath, { params: { publicAppId: appId, id } });
}

/** A user is known by a hash; as much of it as tells users apart at a glance. */
export function shortHash({ end_user_id_hash: hash }: Pick<AppUser, "end_user_id_hash">): string {
  return `${hash.replace("sha256:", "").slice(0, 12)}…`;
}
