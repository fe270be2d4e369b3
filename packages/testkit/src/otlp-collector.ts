import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type CollectedSpan = {
  traceId: string;
  spanId: string;
  /** Empty where it has none. */
  parentSpanId: string;
  name: string;
  /** 2: server, 3: client. */
  kind: number;
  /** 2: error. */
  status: number;
  durationMs: number;
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
};

export type OtlpCollector = {
  /** What OTEL_EXPORTER_OTLP_ENDPOINT is set to. */
  readonly url: string;
  readonly spans: readonly CollectedSpan[];
  /** Every body that came, byte by byte as latin1, and every header. */
  readonly received: string[];
  /** What it answers from now on: a status, or nothing at all. */
  answer(status: number | "silence"): void;
  close(): Promise<void>;
};

/** A collector of traces on loopback, which takes OTLP over HTTP in protobuf. */
export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const received: string[] = [];
  let answer: number | "silence" = 200;
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    received.push(
      `${request.method} ${request.url} ${JSON.stringify(request.headers)}`,
      body.toString("latin1"),
    );
    if (answer === "silence") return;
    if (answer === 200) spans.push(...spansOf(body));
    response.writeHead(answer, { "content-type": "application/x-protobuf" }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    received,
    answer: (next) => {
      answer = next;
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Field = { number: number; value: bigint | Buffer };

/** ExportTraceServiceRequest. Source: opentelemetry-proto, trace/v1/trace.proto, November 2026. */
function spansOf(body: Buffer): CollectedSpan[] {
  return parts(body, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(parts(resourceSpans, 1)[0] ?? Buffer.alloc(0), 1);
    return parts(resourceSpans, 2)
      .flatMap((scopeSpans) => parts(scopeSpans, 2))
      .map((span) => ({
        traceId: hex(span, 1),
        spanId: hex(span, 2),
        parentSpanId: hex(span, 4),
        name: text(span, 5),
        kind: Number(scalar(span, 6)),
        status: Number(scalar(parts(span, 15)[0] ?? Buffer.alloc(0), 3)),
        durationMs: Number(scalar(span, 8) - scalar(span, 7)) / 1e6,
        attributes: attributesOf(span, 9),
        resource,
      }));
  });
}

function attributesOf(message: Buffer, number: number): Record<string, unknown> {
  return Object.fromEntries(
    parts(message, number).map((pair) => [text(pair, 1), anyValueOf(parts(pair, 2)[0] ?? Buffer.alloc(0))]),
  );
}

function anyValueOf(message: Buffer): unknown {
  const [field] = fieldsOf(message);
  if (!field) return null;
  if (field.number === 1) return (field.value as Buffer).toString("utf8");
  if (field.number === 2) return field.value === 1n;
  if (field.number === 3) return Number(BigInt.asIntN(64, field.value as bigint));
  if (field.number === 5) return parts(field.value as Buffer, 1).map(anyValueOf);
  return field.value;
}

const parts = (message: Buffer, number: number): Buffer[] =>
  fieldsOf(message).flatMap((field) =>
    field.number === number && typeof field.value !== "bigint" ? [field.value] : [],
  );
const scalar = (message: Buffer, number: number): bigint =>
  (fieldsOf(message).find((field) => field.number === number && typeof field.value === "bigint")
    ?.value as bigint) ?? 0n;
const text = (message: Buffer, number: number): string => parts(message, number)[0]?.toString("utf8") ?? "";
const hex = (message: Buffer, number: number): string => parts(message, number)[0]?.toString("hex") ?? "";

/** The fields of one protobuf message, in order. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const key = Number(varint());
    const number = key >> 3;
    const form = key & 7;
    if (form === 0) fields.push({ number, value: varint() });
    else if (form === 1) {
      fields.push({ number, value: message.readBigUInt64LE(at) });
      at += 8;
    } else if (form === 2) {
      const length = Number(varint());
      fields.push({ number, value: message.subarray(at, at + length) });
      at += length;
    } else if (form === 5) {
      fields.push({ number, value: BigInt(message.readUInt32LE(at)) });
      at += 4;
    } else throw new Error(`a protobuf field of form ${form}`);
  }
  return fields;
}
