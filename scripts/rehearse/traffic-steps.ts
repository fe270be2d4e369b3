// Paid traffic, and what it must survive.
import { lastLineOf } from "./deploy-steps.ts";
import type { Rehearsal } from "./rehearsal.ts";
import { promise, type Step, until } from "./steps.ts";
import { closedOnce, type Load, startLoad, stream } from "./traffic.ts";

const clients = 8;
const streamOf = { outputTokens: 40, tokenMs: 50 };

export function trafficSteps(rehearsal: Rehearsal): Step[] {
  return [
    { name: "paid streams", needs: ["servers"], run: () => paidStreams(rehearsal) },
    { name: "suspend", needs: ["paid streams"], run: () => suspendApp(rehearsal) },
    { name: "kill -9 of a gateway", needs: ["paid streams"], run: () => killGateway(rehearsal) },
    { name: "database outage", needs: ["paid streams"], run: () => loseDatabase(rehearsal) },
    {
      name: "closed exactly once",
      needs: ["paid streams"],
      run: async () => {
        // Lease, the pause after it, and as long again on a slow machine.
        await rehearsal.untilNothingIsOpen(60_000);
        return closedOnce(rehearsal.sql, rehearsal.sent);
      },
    },
  ];
}

async function paidStreams(rehearsal: Rehearsal): Promise<string> {
  rehearsal.stage.vendor.script(() => streamOf);
  await rehearsal.openPilot(4);
  const sent = await Promise.all(
    Array.from({ length: 4 }, (_, client) => stream(rehearsal.clients, `paid.${client}`, client)),
  );
  rehearsal.sent.push(...sent);
  for (const { id, isWhole, status, text } of sent)
    promise(isWhole, `${id} was not served: ${status} ${text.slice(0, 500)}`);
  await rehearsal.untilNothingIsOpen(10_000);
  const id = /"request_id":"(req_[0-9a-f-]+)"/.exec(sent[0]!.text)?.[1];
  promise(id !== undefined, "a stream does not say its request_id");
  const record = await rehearsal.pilot.recordOf(id!);
  promise(record.status === "succeeded" && record.usage_source === "provider", JSON.stringify(record));
  promise(
    sent[0]!.text.includes(`"charge_usd":"${record.charge_usd}"`),
    `the stream names another charge than the record's ${record.charge_usd}`,
  );
  await closedOnce(rehearsal.sql, sent);
  return `${sent.length} streams settled, ${record.charge_usd} USD each, by the usage that upstream reported`;
}

/** With streams open on both gateways, from the operator's shell and back. */
async function suspendApp(rehearsal: Rehearsal): Promise<string> {
  const { clients, operator, environment, pilot } = rehearsal;
  const { vendor } = rehearsal.stage;
  vendor.script(() => ({ outputTokens: 300, tokenMs: 50 }));
  const running = [0, 1, 2, 3].map((client) => stream(clients, `suspend.${client}`, client));
  await until("the streams run", () => vendor.stats.open >= running.length, 15_000);
  const say = async (verb: string): Promise<{ ms: number; instances: { acknowledged: number } }> => {
    const words = [verb, "app", pilot.publicAppId, "--reason", "rehearsal", "--json"];
    return JSON.parse(lastLineOf(await operator.command(words, environment)));
  };
  const off = await say("suspend");
  promise(off.ms < 2_000, `it took ${off.ms} ms until every instance had it`);
  const cut = await Promise.all(running);
  rehearsal.sent.push(...cut);
  for (const { id, isWhole, text } of cut)
    promise(!isWhole && text.includes('"code":"suspended"'), `${id} was not cut, or does not say why`);
  vendor.script(() => streamOf);
  const refused = await stream(clients, "suspend.refused");
  promise(refused.status === 403, `a suspended app is answered with ${refused.status}`);
  const on = await say("resume");
  const served = await stream(clients, "suspend.served");
  promise(served.isWhole, `it is not served again: ${served.status} ${served.text.slice(0, 500)}`);
  rehearsal.sent.push(refused, served);
  return `${cut.length} streams cut and settled, ${off.instances.acknowledged} instances in ${off.ms} ms, back in ${on.ms} ms`;
}

async function underLoad(rehearsal: Rehearsal, label: string): Promise<Load> {
  const load = startLoad(rehearsal.clients, label, clients);
  await until("the streams run", () => rehearsal.stage.vendor.stats.open >= clients - 2, 30_000);
  return load;
}

/** The other one serves on; its successor is there before the load ends. */
async function killGateway(rehearsal: Rehearsal): Promise<string> {
  const load = await underLoad(rehearsal, "kill");
  const killed = rehearsal.servers.get("gateway-1")!;
  killed.child.kill("SIGKILL");
  await killed.ended;
  const before = load.sent.length;
  const servedSince = () => load.sent.slice(before).filter(({ isWhole }) => isWhole).length;
  try {
    await until("the other gateway serves", () => servedSince() >= clients, 30_000);
    await rehearsal.startServer("gateway-1");
  } finally {
    rehearsal.sent.push(...(await load.stop()));
  }
  const cut = load.sent.filter(({ isWhole }) => !isWhole);
  promise(cut.length > 0, "no stream was running on it: nothing is proven");
  promise(cut.length <= clients * 2, `${cut.length} streams were not served`);
  return `${cut.length} streams cut, ${load.sent.length - cut.length} served, back behind the ingress`;
}

const backWithinMs = 30_000;

async function loseDatabase(rehearsal: Rehearsal): Promise<string> {
  const { database } = rehearsal.stage;
  const load = await underLoad(rehearsal, "outage");
  const lostAt = performance.now();
  let backMs = 0;
  try {
    await database.crash();
    await until("new work is refused", () => load.sent.some(isRefused), 15_000);
    const ready = await rehearsal.clients.ask(`${new URL(rehearsal.ingress.gateway).origin}/ready`, {});
    promise(ready.status === 503, `a gateway without its database says it is ready (${ready.status})`);
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, lostAt + rehearsal.options.outageMs - performance.now())),
    );
    await database.start();
    backMs = await servesAgain(rehearsal);
  } finally {
    rehearsal.sent.push(...(await load.stop()));
  }
  for (const { id, status, isWhole, retryAfter } of load.sent) {
    promise(isWhole || status === 503, `${id} ended with ${status} and was not whole`);
    promise(status !== 503 || Number(retryAfter) > 0, `${id} was refused without Retry-After`);
  }
  const pending = load.sent.filter(({ isPending }) => isPending).length;
  promise(pending > 0, "no stream ended without a database: nothing is proven");
  const refused = load.sent.filter(isRefused).length;
  return `${pending} streams ended without it, ${refused} refused with Retry-After, back after ${backMs} ms`;
}

const isRefused = ({ status, retryAfter }: { status: number; retryAfter: string | null }): boolean =>
  status === 503 && retryAfter !== null;

/** Without a restart of anything else. */
async function servesAgain(rehearsal: Rehearsal): Promise<number> {
  const startedAt = performance.now();
  for (let turn = 0; ; turn++) {
    const one = await stream(rehearsal.clients, `back.${turn}`);
    rehearsal.sent.push(one);
    if (one.isWhole) break;
    promise(performance.now() - startedAt < backWithinMs, `not back within ${backWithinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const backMs = Math.round(performance.now() - startedAt);
  for (const role of rehearsal.servers.keys()) {
    const left = backWithinMs - (performance.now() - startedAt);
    await until(`${role} is ready`, async () => (await fetch(`${rehearsal.url(role)}/ready`)).ok, left);
  }
  return backMs;
}
