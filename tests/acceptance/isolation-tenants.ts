import { randomBytes, randomUUID } from "node:crypto";
import { developerScopes } from "@modelfaucet/contract/scopes.ts";
import { chat, credit, type GroundSession } from "@modelfaucet/testkit/ground.ts";
import type { HttpAnswer, Product } from "@modelfaucet/testkit/product.ts";
import { endedRotation, type OwnedIds } from "@modelfaucet/testkit/route-walk.ts";
import { vi } from "vitest";

/** A developer with an app, a feature, an end user with money, a call, a receipt, and a token of every scope. */
export type Tenant = { ids: OwnedIds; token: string; session: GroundSession };

/** Everything that one tenant can own, made through the routes. */
export async function makeTenant(product: Product, name: string): Promise<Tenant> {
  const suffix = randomBytes(4).toString("hex");
  const developer = made(
    await product.admin("POST", "/v1/admin/developers", {
      email: `${name}-${suffix}@example.com`,
      name: `${name} developer`,
      reason: "test",
    }),
  );
  const token = made(
    await product.developer("POST", "/v1/developer/tokens", {
      name: `${name} token`,
      scopes: [...developerScopes],
      developer_id: developer.id,
    }),
  );
  const [publicAppId, featureKey] = [`${name}_${suffix}`, `feature_${suffix}`];
  const own = { token: token.token };
  made(await product.call("POST", "/v1/developer/apps", { public_app_id: publicAppId, name }, own));
  made(
    await product.call(
      "POST",
      `/v1/developer/apps/${publicAppId}/features`,
      {
        feature_key: featureKey,
        display_name: name,
        policy: { models: ["stub/stub-flat", "stub/stub-text"] },
        pricing: { markup_percent: 25, developer_share_bps: 4000 },
      },
      own,
    ),
  );
  const { session, ids } = await makeUser(product, publicAppId, token.token);
  return {
    token: token.token,
    session,
    ids: { ...ids, publicAppId, featureKey, tokenId: token.item.id, developerId: developer.id },
  };
}

/** One more end user of an app, with money and a receipt. */
export async function makeUser(
  product: Product,
  publicAppId: string,
  token: string,
): Promise<{ session: GroundSession; ids: OwnedIds }> {
  const user = `user-${randomBytes(4).toString("hex")}`;
  const opened = made(
    await product.call(
      "POST",
      "/v1/sessions",
      { public_app_id: publicAppId, external_user_id: user },
      { token },
    ),
  );
  const session = { token: opened.session_token, userId: opened.end_user_id, user, answer: opened };
  await credit(product, session.userId, "1.00");
  const requestId = await recordedCall(product, publicAppId, token, session.token);
  const ids = {
    ...randomIds(),
    publicAppId,
    endUserId: session.userId,
    walletId: session.userId,
    sessionId: opened.session_id,
    requestId,
    receiptId: `rcpt_${requestId}`,
    ...(await insertKeys(product, publicAppId, session.userId)),
    rotationId: await endedRotation(product),
  };
  return { session, ids };
}

/** A call that stands in the app's debug log too. */
async function recordedCall(
  product: Product,
  publicAppId: string,
  token: string,
  session: string,
): Promise<string> {
  const log = (method: string, body?: unknown) =>
    product.call(method, `/v1/developer/apps/${publicAppId}/debug-log`, body, { token });
  made(await log("POST", { minutes: 1, reason: "test" }));
  const answer = made(await chat(product, session, { model: "stub-flat" }));
  const { request_id: requestId } = answer.modelfaucet;
  // Outside of a test nobody may expect: the row comes a moment after the answer.
  await vi.waitFor(async () => {
    const { items } = made(await log("GET"));
    if (!items.some((item: { request_id: string }) => item.request_id === requestId))
      throw new Error("not recorded yet");
  });
  made(await log("DELETE"));
  return requestId;
}

/** A key of the user and one of the developer, switched off, so that nothing ever opens or sends what they hold. */
async function insertKeys(
  product: Product,
  publicAppId: string,
  userId: string,
): Promise<Pick<OwnedIds, "userKeyId" | "developerKeyId">> {
  const [userKeyId, developerKeyId] = [randomUUID(), randomUUID()];
  for (const [id, scope, endUserId] of [
    [userKeyId, "end_user", userId],
    [developerKeyId, "developer", null],
  ] as const) {
    await product.sql`insert into provider_credentials (id, owner_scope, app_id, developer_id, owner_id, end_user_id, provider,
        sealed_secret, key_id, masked, last_four, status)
      select ${id}, ${scope}, id, developer_id, coalesce(${endUserId}::uuid, developer_id), ${endUserId}, 'openai',
        'mfenc:v2:test', 'test', 'sk-…test', 'test', 'disabled' from apps where public_app_id = ${publicAppId}`;
  }
  return { userKeyId, developerKeyId };
}

/** Well-formed ids of nobody. */
export function randomIds(): OwnedIds {
  const requestId = `req_${randomUUID()}`;
  return {
    publicAppId: `app_${randomBytes(6).toString("hex")}`,
    featureKey: `feature_${randomBytes(6).toString("hex")}`,
    endUserId: randomUUID(),
    sessionId: randomUUID(),
    tokenId: randomUUID(),
    requestId,
    receiptId: `rcpt_${requestId}`,
    walletId: randomUUID(),
    developerId: randomUUID(),
    provider: `provider-${randomBytes(4).toString("hex")}`,
    keyId: randomUUID(),
    userKeyId: randomUUID(),
    rotationId: randomUUID(),
    developerKeyId: randomUUID(),
    alertId: randomUUID(),
    operatorTokenId: randomUUID(),
    version: "999999999",
  };
}

/** Ids that no parser of ours takes. */
export function malformedIds(text: string): OwnedIds {
  return Object.fromEntries(Object.keys(randomIds()).map((name) => [name, text])) as OwnedIds;
}

/** The body of an answer that made something. @throws on any other */
// biome-ignore lint/suspicious/noExplicitAny: tests read whatever was answered
export function made(answer: HttpAnswer): any {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer.body;
}
