import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import type { listOperatorTokens, readOperatorToken } from "@modelfaucet/contract/routes/operator-tokens.ts";
import { type Reading, readKept } from "../../api/read.ts";

export type OperatorToken = AnswerOf<typeof readOperatorToken>;

export const tokensPath = "/v1/admin/operator-tokens";

export function tokensQuery(cursor?: string): Reading<typeof listOperatorTokens> {
  return readKept<typeof listOperatorTokens>(tokensPath, { query: { limit: 100, cursor } });
}
