import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type {
  listAppsAsOperator,
  listDevelopers,
  readAppAsOperator,
  readDeveloperAsOperator,
} from "@modelfaucet/contract/routes/admin.ts";
import { type Reading, read, readKept } from "../../api/read.ts";
import type { AppsSearch, DevelopersSearch } from "../search.ts";

export type DeveloperItem = AnswerOf<typeof readDeveloperAsOperator>;
export type AppItem = AnswerOf<typeof readAppAsOperator>;

export const developersPath = "/v1/admin/developers";
export const appsPath = "/v1/admin/apps";

const perPage = 50;

export function developersQuery({ q, status, cursor }: DevelopersSearch): Reading<typeof listDevelopers> {
  return readKept<typeof listDevelopers>(developersPath, { query: { limit: perPage, q, status, cursor } });
}

export function developerQuery(id: string): Reading<typeof readDeveloperAsOperator> {
  return read<typeof readDeveloperAsOperator>("/v1/admin/developers/:id", { params: { id } });
}

export function appsQuery({ q, status, developer, cursor }: AppsSearch): Reading<typeof listAppsAsOperator> {
  return readKept<typeof listAppsAsOperator>(appsPath, {
    query: { limit: perPage, q, status, developer_id: developer, cursor },
  });
}

export function appQuery(publicAppId: string): Reading<typeof readAppAsOperator> {
  return read<typeof readAppAsOperator>("/v1/admin/apps/:publicAppId", { params: { publicAppId } });
}
