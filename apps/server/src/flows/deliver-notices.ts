import type { Database } from "../lib/db.ts";
import type { Outbound } from "../lib/outbound.ts";
import {
  type Notice,
  noteDelivered,
  noteFailed,
  retryAfterSeconds,
  signedHeaders,
  takeDueNotices,
} from "../modules/alert/alert.ts";

/** Where operators want to be told of alerts. The secret as it is configured, with `whsec_`. */
export type AlertWebhook = { url: string; secret: string };

type Deps = {
  database: Pick<Database, "write">;
  outbound: Pick<Outbound, "request">;
  webhook: AlertWebhook;
};

const operator = { purpose: "operator" } as const;
const timeouts = { connectMs: 5_000, firstByteMs: 15_000, idleMs: 5_000, totalMs: 20_000 };

/**
 * Sends what is due to the operators' webhook, one try each, and writes down how it went: a notice outlives the process
 * that would have sent it. Any 2xx takes it; everything else, redirects included, is tried again later, ten times.
 * Gives how many were taken.
 */
export async function deliverNotices(deps: Deps): Promise<number> {
  // Taken in a transaction of its own: nobody waits for a stranger inside one.
  const due = await deps.database.write(operator, takeDueNotices);
  const taken = await Promise.all(due.map((notice) => deliver(deps, notice)));
  return taken.filter(Boolean).length;
}

async function deliver(deps: Deps, notice: Notice): Promise<boolean> {
  const failure = await send(deps, notice);
  await deps.database.write(operator, (tx) =>
    failure === null
      ? noteDelivered(tx, notice.id)
      : noteFailed(tx, notice.id, failure, retryAfterSeconds(notice.tries, Math.random())),
  );
  return failure === null;
}

/** What went wrong, in our own words: the receiver's answer is not kept. */
async function send({ outbound, webhook }: Deps, { id, body }: Notice): Promise<string | null> {
  const message = { id: `evt_${id}`, timestampSeconds: Math.floor(Date.now() / 1_000), body };
  try {
    const response = await outbound.request({
      url: webhook.url,
      method: "POST",
      headers: {
        "content-type": "application/json",
        "user-agent": "ModelFaucet",
        ...signedHeaders(message, webhook.secret),
      },
      body,
      timeouts,
    });
    response.body.finish();
    return response.status >= 200 && response.status < 300 ? null : `status ${response.status}`;
  } catch (error) {
    return (error as { kind?: string }).kind ?? "failed";
  }
}
