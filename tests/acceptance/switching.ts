import { closedRecord, type GroundSession } from "@modelfaucet/testkit/ground.ts";
import { type HttpAnswer, type Json, type Product, send } from "@modelfaucet/testkit/product.ts";
import { type ChatStream, openStream } from "@modelfaucet/testkit/sse.ts";
import { expect } from "vitest";

/** What the promise gives a switch to hold on every instance, in milliseconds. */
export const promisedMs = 2_000;

export type Target = { target_type: string; target_id?: string };

export type SetSwitch = (
  target: Target,
  state: "on" | "off" | "throttled",
  more?: Record<string, unknown>,
) => Promise<HttpAnswer>;

/** Sets a switch as an operator does. */
export const switcher =
  (product: Product): SetSwitch =>
  (target, state, more = {}) =>
    product.admin("POST", "/v1/admin/switches", { ...target, state, reason: `test ${state}`, ...more });

/** A slow answer, which is still being given when the switch comes. */
export const slowAnswer = { outputTokens: 600, tokenMs: 50, usage: "none" } as const;

/** One stream on each gateway, both in the middle of their answers. */
export async function openEverywhere(
  product: Product,
  session: GroundSession,
  body: Record<string, unknown> = {},
): Promise<ChatStream[]> {
  const streams = await Promise.all(
    product.gateways.map((_, gateway) =>
      openStream(product, session.token, { model: "stub-text", ...body }, { gateway }),
    ),
  );
  await Promise.all(streams.map((stream) => stream.pieces(4)));
  return streams;
}

/** Reads a stream to its end; gives when that was, by the clock of `performance`. */
export async function endOf(stream: ChatStream): Promise<number> {
  await stream.end();
  return performance.now();
}

/** Calls until the answer is as wanted; gives when that was. @throws when it takes much longer than promised */
export async function until(
  ask: () => Promise<HttpAnswer>,
  isWanted: (answer: HttpAnswer) => boolean,
): Promise<{ at: number; answer: HttpAnswer }> {
  const deadline = performance.now() + 2 * promisedMs;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return { at: performance.now(), answer };
    if (performance.now() > deadline) throw new Error(`still ${answer.status}: ${answer.text}`);
  }
}

/** The models of a session as one gateway tells them: costs nothing and asks who calls. */
export const models = (product: Product, token: string, gateway: number): Promise<HttpAnswer> =>
  send(`${product.gateways[gateway]}/models`, "GET", undefined, { authorization: `Bearer ${token}` });

export const requestIdOf = (stream: ChatStream): string => stream.headers.get("x-modelfaucet-request-id")!;

/** The payer pays for what it got: the prompt and what was relayed, at the model's price and the feature's markup. */
export async function expectPaidForRelayed(
  product: Product,
  stream: ChatStream,
  code: string,
): Promise<void> {
  const record = await closedRecord(product, requestIdOf(stream));
  expect(record).toMatchObject({ status: "aborted", usage_source: "estimated", error: { code } });
  const pieces = stream.content.split(" ").filter((word) => word !== "").length;
  expect(record.output_tokens).toBeGreaterThanOrEqual(pieces);
  // What is in the socket's buffers when it ends was relayed too.
  expect(record.output_tokens).toBeLessThanOrEqual(pieces + 3);
  expect(units(record.charge_usd)).toBe(
    ((BigInt(record.input_tokens) + 2n * BigInt(record.output_tokens)) * 100n * 5n + 3n) / 4n,
  );
}

/** Our failure: the user pays nothing, and what upstream took is the operator's. */
export async function expectFree(product: Product, stream: ChatStream, code: string): Promise<Json> {
  const record = await closedRecord(product, requestIdOf(stream));
  expect(record).toMatchObject({ status: "failed", charge_usd: "0.00000000", error: { code } });
  expect(units(record.absorbed_cost_usd)).toBeGreaterThan(0n);
  return record;
}

export async function auditRows(product: Product, action: string, resourceId: string): Promise<Json[]> {
  return product.sql`select actor_scope, actor_name, resource_type, reason, before, after from audit_logs
    where action = ${action} and resource_id = ${resourceId} order by id`;
}

const units = (text: string): bigint => BigInt(text.replace(".", ""));
