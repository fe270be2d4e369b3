import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type {
  listDeveloperProviderKeys,
  readDeveloperProviderKey,
  testDeveloperProviderKey,
} from "@modelfaucet/contract/routes/provider-keys.ts";
import { type Reading, read, readKept } from "../../api/read.ts";
import type { KeysSearch } from "./search.ts";

export type ProviderKey = AnswerOf<typeof readDeveloperProviderKey>;
export type KeyTest = AnswerOf<typeof testDeveloperProviderKey>;

export const keysPath = "/v1/developer/provider-keys";

export function keysQuery({ app, cursor }: KeysSearch): Reading<typeof listDeveloperProviderKeys> {
  return readKept<typeof listDeveloperProviderKeys>(keysPath, {
    query: { limit: 100, public_app_id: app, cursor },
  });
}

export function keyQuery(id: string): Reading<typeof readDeveloperProviderKey> {
  return read<typeof readDeveloperProviderKey>("/v1/developer/provider-keys/:id", { params: { id } });
}
