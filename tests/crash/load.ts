import { credit, type Ground, type GroundSession } from "@modelfaucet/testkit/ground.ts";
import type { Product } from "@modelfaucet/testkit/product.ts";
import { expect } from "vitest";
import { type Asked, ask, isWhole } from "./asking.ts";
import { type UsageRow, usageRows } from "./closed-requests.ts";

/** What fifty tokens after a prompt of a hundred cost. */
export const chargeUsd = "0.00025000";

export type Sent = { id: string; stream: boolean; asked: Asked };

/** Sessions of users who can pay for everything that a test asks. */
export async function openWallets(product: Product, ground: Ground, count: number): Promise<GroundSession[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const session = await ground.openSession();
      await credit(product, session.userId, "50.00");
      return session;
    }),
  );
}

/**
 * Clients side by side, every second one streaming; each asks again and again while `goesOn` says so, and rests for a
 * moment where it is told to.
 */
export async function load(
  url: string,
  sessions: readonly GroundSession[],
  clients: number,
  label: string,
  goesOn: () => boolean,
  restMs = 0,
): Promise<Sent[]> {
  const sent: Sent[] = [];
  const work = async (client: number): Promise<void> => {
    const { token } = sessions[client % sessions.length]!;
    const stream = client % 2 === 0;
    for (let turn = 0; goesOn(); turn++) {
      const id = `${label}.${client}.${turn}`;
      const asked = await ask(url, token, { stream }, { "x-request-id": id });
      sent.push({ id, stream, asked });
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, client) => work(client)));
  return sent;
}

export const isAnswered = ({ stream, asked }: Sent): boolean =>
  asked.status === 200 && !asked.wasCut && (!stream || isWhole(asked));

/**
 * Every request was closed at most once and charged nothing or the one right amount; every whole answer was charged
 * exactly once; nothing was charged that upstream never saw.
 */
export async function expectClosedOnce(product: Product, sent: readonly Sent[]): Promise<UsageRow[]> {
  const rows = await usageRows(product);
  const byId = Map.groupBy(rows, (row) => row.client_request_id);
  for (const one of sent) {
    const found = byId.get(one.id) ?? [];
    expect(found.length, one.id).toBeLessThanOrEqual(1);
    if (isAnswered(one)) {
      expect(found[0], one.id).toMatchObject({ outcome: "succeeded", charge_usd: chargeUsd });
    } else if (found[0]) {
      const { outcome, charge_usd } = found[0];
      const right = outcome === "succeeded" ? [chargeUsd] : ["0.00000000"];
      expect(right, `${one.id} ${outcome}`).toContain(charge_usd);
    }
  }
  const charged = rows.filter((row) => row.charge_usd !== "0.00000000");
  expect(charged.length).toBeLessThanOrEqual(product.stub.billableCalls);
  return rows;
}
