import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listSessions } from "@modelfaucet/contract/routes/switches.ts";
import { type Reading, readKept } from "../../api/read.ts";
import type { SessionKey, SessionsSearch } from "./search.ts";

export type SessionItem = AnswerOf<typeof listSessions>["items"][number];

/** All sessions that one key names. */
export type Whose = { by: SessionKey; of: string };

export const sessionsPath = "/v1/admin/sessions";

const perPage = 50;

export function sessionsQuery({ by, of, status, cursor }: SessionsSearch): Reading<typeof listSessions> {
  return readKept<typeof listSessions>(sessionsPath, {
    query: {
      limit: perPage,
      ...(by === undefined || of === undefined ? {} : { [by]: of }),
      status,
      cursor,
    },
  });
}

export const keyWords: Record<SessionKey, { word: string; of: string }> = {
  end_user_id: { word: "End user id", of: "of the end user" },
  public_app_id: { word: "Public app id", of: "of the app" },
  developer_id: { word: "Developer id", of: "of the developer" },
  session_id: { word: "Session id", of: "with the id" },
  origin: { word: "Origin", of: "from" },
};
