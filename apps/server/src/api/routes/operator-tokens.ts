import * as routes from "@modelfaucet/contract/routes/operator-tokens.ts";
import { operatorRoles } from "@modelfaucet/contract/scopes.ts";
import {
  createOperatorToken,
  revokeOperatorToken,
  rotateOperatorToken,
} from "../../flows/operator-tokens.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import {
  listOperatorTokens,
  type OperatorTokenItem,
  readOperatorTokenItem,
} from "../../modules/identity/identity.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { pageQueryOf } from "./developer-paging.ts";

/** Named operator tokens: who holds what until when. */
export function operatorTokenRoutes(deps: {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
}): Mounted[] {
  return [
    mount(routes.listOperatorTokens, async ({ query, read }) => {
      const filter = { status: query.status, email: query.email, ...pageQueryOf(query) };
      const rows = await read((tx) => listOperatorTokens(tx, filter));
      return pageOf(
        rows,
        query.limit,
        ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }),
        answerOf,
      );
    }),
    mount(routes.readOperatorToken, async ({ params, read }) => {
      const item = await read((tx) => readOperatorTokenItem(tx, params.id));
      if (!item) throw new ApiError("not_found", "There is no such token.");
      return answerOf(item);
    }),
    mount(routes.createOperatorToken, async ({ actor, body, audit }) => {
      const { token, item } = await createOperatorToken(deps, actor, audit, {
        name: body.name,
        email: body.email,
        scopes: body.scopes ?? operatorRoles[body.role!],
        role: body.role ?? null,
        expiresAt: body.expires_at,
      });
      return { token, item: answerOf(item) };
    }),
    mount(routes.rotateOperatorToken, async ({ actor, params, body, audit }) => {
      const rotation = { id: params.id, overlapSeconds: body.overlap_seconds };
      const { token, item } = await rotateOperatorToken(deps, actor, audit, rotation);
      return { token, item: answerOf(item) };
    }),
    mount(routes.revokeOperatorToken, async ({ params, audit }) => {
      await revokeOperatorToken(deps, audit, params.id);
      return { ok: true };
    }),
  ];
}

function answerOf(item: OperatorTokenItem) {
  return {
    id: item.id,
    operator_id: item.operatorId,
    email: item.email,
    name: item.name,
    token_prefix: item.tokenPrefix,
    role: item.role ?? undefined,
    scopes: item.scopes,
    status: item.status,
    created_by: item.createdBy,
    rotated_from: item.rotatedFrom ?? undefined,
    last_used_at: item.lastUsedAt?.toISOString(),
    expires_at: item.expiresAt.toISOString(),
    revoked_at: item.revokedAt?.toISOString(),
    created_at: item.createdAt.toISOString(),
    updated_at: item.updatedAt.toISOString(),
  };
}
