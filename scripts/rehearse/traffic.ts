// Paid streams through the ingress, by clients whose server or database may die at any time.
import { createMappedLookup } from "@modelfaucet/server/lib/outbound-hosts.ts";
import type { Ingress } from "@modelfaucet/testkit/ingress.ts";
import type postgres from "postgres";
import { Agent, fetch as undiciFetch } from "undici";
import type { Ask } from "../image-rehearsal-traffic.ts";
import { publicNames } from "./stage.ts";
import { promise } from "./steps.ts";

/** How a client on the internet asks: by the public names, trusting the CA of this rehearsal. */
export function publicAsk(ingress: Ingress): { ask: Ask; close(): Promise<void> } {
  const map = Object.values(publicNames)
    .map((name) => `${name}=127.0.0.1`)
    .join();
  const agent = new Agent({ connect: { ca: ingress.ca, lookup: createMappedLookup(map) } });
  return {
    ask: (url, init) => undiciFetch(url, { ...init, dispatcher: agent } as never) as never,
    close: () => agent.destroy(),
  };
}

export type Sent = {
  /** The client's own id, which the settlement log keeps. */
  readonly id: string;
  /** 0: no answer at all. */
  status: number;
  isWhole: boolean;
  isPending: boolean;
  retryAfter: string | null;
  text: string;
};

export type Clients = { ask: Ask; gateway: string; tokens: readonly string[] };

const asked = {
  model: "litellm/auto-text",
  stream: true,
  messages: [{ role: "user", content: "hello" }],
};

/** One stream to its end, however that comes. */
export async function stream({ ask, gateway, tokens }: Clients, id: string, client = 0): Promise<Sent> {
  const sent: Sent = { id, status: 0, isWhole: false, isPending: false, retryAfter: null, text: "" };
  try {
    const answer = await ask(`${gateway}/chat/completions`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${tokens[client % tokens.length]}`,
        "content-type": "application/json",
        "x-request-id": id,
      },
      body: JSON.stringify(asked),
      signal: AbortSignal.timeout(streamWithinMs),
    });
    sent.status = answer.status;
    sent.retryAfter = answer.headers.get("retry-after");
    sent.text = await answer.text();
  } catch {
    // What broke says nothing more: the books tell what became of it.
  }
  sent.isWhole = sent.text.trim().endsWith("data: [DONE]");
  sent.isPending = sent.text.includes('"settlement":"pending"');
  return sent;
}

const streamWithinMs = 60_000;

export type Load = {
  readonly sent: readonly Sent[];
  /** Lets the running streams end and begins no more. */
  stop(): Promise<readonly Sent[]>;
};

/** So many clients, each with one stream after the other. One that is refused waits a moment, as it is told to. */
export function startLoad(clients: Clients, label: string, count: number): Load {
  const sent: Sent[] = [];
  let goesOn = true;
  const work = async (client: number): Promise<void> => {
    for (let turn = 0; goesOn; turn++) {
      const one = await stream(clients, `${label}.${client}.${turn}`, client);
      sent.push(one);
      if (one.status !== 200) await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const all = Promise.all(Array.from({ length: count }, (_, client) => work(client)));
  return {
    sent,
    stop: async () => {
      goesOn = false;
      await all;
      return sent;
    },
  };
}

type Row = { id: string; outcome: string; charge_usd: string };

/**
 * Every stream that was answered is in the settlement log exactly once: a whole one charged, a broken one charged or
 * released; what was refused is not in it, or at no charge. @throws Error naming the first that is not
 */
export async function closedOnce(sql: postgres.Sql, sent: readonly Sent[]): Promise<string> {
  const rows = await sql<Row[]>`
    select client_request_id as id, outcome, charge_usd::text from usage_events
    where client_request_id = any(${sent.map(({ id }) => id)})`;
  const byId = Map.groupBy(rows, ({ id }) => id);
  let charged = 0;
  for (const { id, status, isWhole } of sent) {
    const found = byId.get(id) ?? [];
    promise(found.length <= 1, `${id} is ${found.length} times in the books`);
    const row = found[0];
    const isCharged = row !== undefined && !/^0\.0+$/.test(row.charge_usd);
    if (isCharged) charged += 1;
    if (isWhole) promise(isCharged && row.outcome === "succeeded", `${id} was served and is not charged`);
    else if (status === 200) promise(row !== undefined, `${id} was begun and is not in the books`);
    else if (status !== 0) promise(!isCharged, `${id} was refused with ${status} and is charged`);
  }
  return `${sent.length} sent, ${charged} charged once, ${rows.length - charged} released`;
}
