import type { ServerResponse } from "node:http";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import type { AskedFor, StubStep } from "./answer.ts";
import type { StubBehaviour } from "./behaviour.ts";
import type { StubDialect } from "./dialects.ts";
import { cut, encode, eventText } from "./framing.ts";

export type Delivery = {
  response: ServerResponse;
  behaviour: StubBehaviour;
  dialect: StubDialect;
  asked: AskedFor;
  stream: boolean;
  /** The key as it came, for errors that repeat it. */
  authorization: string | undefined;
};

/** Carries a behaviour out, to the end or until the client has left. */
export async function deliver(delivery: Delivery): Promise<void> {
  const { response, behaviour, stream } = delivery;
  if (behaviour.hang === "accept") return;
  await pause(delivery, behaviour.headersAfterMs ?? 0);
  if (!isHeard(delivery)) return;
  if (behaviour.status !== undefined || behaviour.body !== undefined) return sendFixed(delivery);
  if (!stream)
    return sendBody(delivery, 200, JSON.stringify(delivery.dialect.whole(behaviour, delivery.asked)));

  response.writeHead(200, headersOf(behaviour, "text/event-stream"));
  response.flushHeaders();
  if (behaviour.hang === "headers") return;
  await pause(delivery, behaviour.firstByteAfterMs ?? 0);
  if (behaviour.floodBytes !== undefined) return flood(delivery, behaviour.floodBytes);
  if (behaviour.endless === true) return sendEndless(delivery);
  const steps = delivery.dialect.steps(behaviour, delivery.asked);
  const asOne =
    behaviour.encoding !== undefined || behaviour.cutAt !== undefined || behaviour.cutEvery !== undefined;
  return asOne ? sendCut(delivery, steps) : sendPaced(delivery, steps);
}

function headersOf(behaviour: StubBehaviour, contentType: string): Record<string, string> {
  return {
    "content-type": behaviour.contentType ?? contentType,
    ...(behaviour.encoding === undefined ? {} : { "content-encoding": behaviour.encoding }),
    ...behaviour.headers,
  };
}

async function sendFixed(delivery: Delivery): Promise<void> {
  const { behaviour } = delivery;
  const status = behaviour.status ?? 200;
  const echo = behaviour.echoAuthorization === true ? ` You sent: ${delivery.authorization}` : "";
  const body = behaviour.body ?? delivery.dialect.error(status, `The stub answers ${status}.${echo}`);
  return sendBody(delivery, status, typeof body === "string" ? body + echo : JSON.stringify(body));
}

async function sendBody(delivery: Delivery, status: number, text: string): Promise<void> {
  const { response, behaviour } = delivery;
  const isHtml = text.startsWith("<");
  response.writeHead(status, headersOf(behaviour, isHtml ? "text/html" : "application/json"));
  response.flushHeaders();
  await pause(delivery, behaviour.firstByteAfterMs ?? 0);
  const body = encode(Buffer.from(text), behaviour.encoding);
  if (behaviour.dieAfter !== undefined) {
    await write(delivery, body.subarray(0, Math.floor(body.length / 2)));
    die(response);
    return;
  }
  for (const piece of cut(body, behaviour) ?? [body]) await writeApart(delivery, piece);
  response.end();
}

async function sendPaced(delivery: Delivery, steps: StubStep[]): Promise<void> {
  const { response, behaviour } = delivery;
  let pieces = 0;
  for (const step of steps) {
    if (step.isPiece && pieces === behaviour.errorAfter) return endWithError(delivery);
    if (step.isPiece && pieces === behaviour.dieAfter) break;
    if (step.isPiece && pieces === behaviour.closeAfter) break;
    if (step.isPiece) pieces += 1;
    await pause(delivery, step.waitMs);
    if (!isHeard(delivery)) return;
    await write(delivery, eventText(step.chunk, behaviour, step.event));
  }
  if (behaviour.errorAfter !== undefined && pieces <= behaviour.errorAfter) return endWithError(delivery);
  if (behaviour.dieAfter !== undefined) {
    await turn();
    die(response);
    return;
  }
  if (behaviour.closeAfter === undefined) response.write(ending(delivery));
  await pause(delivery, behaviour.lingerMs ?? 0);
  response.end();
}

/** The error tells this end from a client that has left. */
function die(response: ServerResponse): void {
  response.destroy(new Error("the stub ends the connection inside its answer"));
}

async function endWithError(delivery: Delivery): Promise<void> {
  const { data, event } = delivery.dialect.errorEvent;
  await write(delivery, eventText(data, delivery.behaviour, event));
  delivery.response.end();
}

function ending({ behaviour, dialect }: Delivery): string {
  if (behaviour.noDone === true) return "";
  const { data, event } = dialect.done;
  return eventText(data, behaviour, event) + (behaviour.afterDone ?? "");
}

async function sendCut(delivery: Delivery, steps: StubStep[]): Promise<void> {
  const { response, behaviour } = delivery;
  const text = steps.map((step) => eventText(step.chunk, behaviour, step.event)).join("") + ending(delivery);
  const body = encode(Buffer.from(text), behaviour.encoding);
  for (const piece of cut(body, behaviour) ?? [body]) await writeApart(delivery, piece);
  response.end();
}

async function sendEndless(delivery: Delivery): Promise<void> {
  const { behaviour } = delivery;
  const one = { ...behaviour, tokens: behaviour.tokens?.slice(0, 1) ?? ["word "] };
  const steps = delivery.dialect.steps(one, delivery.asked);
  const place = steps.findIndex((step) => step.isPiece);
  // In a dialect with blocks a piece belongs to one that has begun.
  if (steps[place]!.event !== undefined) {
    for (const step of steps.slice(0, place))
      await write(delivery, eventText(step.chunk, behaviour, step.event));
  }
  const text = eventText(steps[place]!.chunk, behaviour, steps[place]!.event);
  while (isHeard(delivery)) {
    await pause(delivery, behaviour.tokenMs ?? 1);
    await write(delivery, text);
  }
}

async function flood(delivery: Delivery, bytes: number): Promise<void> {
  const text = delivery.behaviour.floodText ?? "x";
  const piece = Buffer.from(text.repeat(Math.ceil(65_536 / text.length)));
  await write(delivery, "data: ");
  for (let sent = 0; sent < bytes && isHeard(delivery); sent += piece.length) await write(delivery, piece);
  delivery.response.end();
}

/** With `ignoreCancelMs` the stub goes on for a while although nobody listens. */
function isHeard({ response, behaviour }: Delivery): boolean {
  if (!response.destroyed && response.socket?.destroyed !== true) return true;
  const leftAt = leftAtOf.get(response) ?? Date.now();
  leftAtOf.set(response, leftAt);
  return Date.now() - leftAt < (behaviour.ignoreCancelMs ?? 0);
}

const leftAtOf = new WeakMap<ServerResponse, number>();

async function pause(delivery: Delivery, ms: number): Promise<void> {
  const until = performance.now() + ms;
  for (let left = ms; left > 0 && isHeard(delivery); left = until - performance.now())
    await wait(Math.min(left, 50));
}

/** Writes and waits while the client does not read. */
async function write({ response }: Delivery, bytes: Buffer | string): Promise<void> {
  if (response.destroyed) await turn();
  else if (!response.write(bytes)) await drained(response);
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      response.off("close", done);
      resolve();
    };
    response.on("drain", done);
    response.on("close", done);
  });
}

/** A write that does not share its packet with the one before. */
async function writeApart(delivery: Delivery, bytes: Buffer): Promise<void> {
  await write(delivery, bytes);
  await turn();
}
