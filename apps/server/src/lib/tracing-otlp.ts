import { ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from "@opentelemetry/api";
import { ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Outbound } from "./outbound.ts";
import {
  type AttemptSpan,
  type AttemptStart,
  type RequestEnding,
  type RequestSpan,
  readTraceparent,
  type ServerTracing,
  type Tracing,
  writeTraceparent,
} from "./tracing.ts";
import {
  attemptAttributes,
  attemptEndAttributes,
  attemptSpanName,
  requestAttributes,
  requestErrorType,
  requestSpanName,
} from "./tracing-conventions.ts";

export type OtlpOptions = {
  /** With or without a path; `/v1/traces` is added to it. */
  endpoint: string;
  headers: Readonly<Record<string, string>>;
  /** `null`: that of each server. */
  serviceName: string | null;
  resourceAttributes: Readonly<Record<string, string>>;
  sampler: string;
  samplerRatio: number;
  /** Opens the way to the collector and to nothing else. */
  outbound: Pick<Outbound, "request" | "close">;
  /** Told of a failing collector, once in a while. */
  onError: (error: unknown) => void;
};

const spansQueued = 2_048;
const spansPerExport = 512;
const exportEveryMs = 1_000;
const exportWithinMs = 10_000;
const complainEveryMs = 60_000;
const longestAttribute = 256;

/**
 * Spans by OTLP over HTTP. They wait in a bounded queue and are sent together; what does not fit, or what the collector
 * does not take, is gone: no request ever waits for it.
 */
export function createOtlpTracing(options: OtlpOptions): Tracing {
  const processor = new BatchSpanProcessor({
    exporter: exporterTo(options),
    maxQueueSize: spansQueued,
    maxExportBatchSize: spansPerExport,
    scheduledDelayMillis: exportEveryMs,
    exportTimeoutMillis: exportWithinMs,
  });
  const sampler = samplerNamed(options.sampler, options.samplerRatio);
  return {
    server: (service) => {
      const provider = new TracerProvider({
        sampler,
        resource: resourceFromAttributes({
          ...options.resourceAttributes,
          "service.name": options.serviceName ?? service,
        }),
        spanLimits: { attributeValueLengthLimit: longestAttribute },
        spanProcessors: [processor],
      });
      return serverTracing(provider.getTracer("modelfaucet"));
    },
    close: async (withinMs) => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      });
      await Promise.race([processor.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
      await options.outbound.close();
    },
  };
}

function serverTracing(tracer: Tracer): ServerTracing {
  return {
    begin: (method, traceparent) => {
      const remote = readTraceparent(traceparent);
      const parent =
        remote === null
          ? ROOT_CONTEXT
          : trace.setSpanContext(ROOT_CONTEXT, {
              traceId: remote.traceId,
              spanId: remote.spanId,
              traceFlags: remote.flags,
              isRemote: true,
            });
      return requestSpan(tracer, tracer.startSpan(method, { kind: SpanKind.SERVER }, parent));
    },
  };
}

function requestSpan(tracer: Tracer, span: Span): RequestSpan {
  const { traceId, spanId } = span.spanContext();
  return {
    traceId,
    spanId,
    attempt: (start: AttemptStart) => {
      const kind = SpanKind.CLIENT;
      const below = trace.setSpan(ROOT_CONTEXT, span);
      return attemptSpan(
        tracer.startSpan(attemptSpanName(start), { kind, attributes: attemptAttributes(start) }, below),
      );
    },
    end: (ending: RequestEnding) => {
      span.updateName(requestSpanName(ending));
      span.setAttributes(requestAttributes(ending));
      if (requestErrorType(ending) !== null) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function attemptSpan(span: Span): AttemptSpan {
  const { traceId, spanId, traceFlags: flags } = span.spanContext();
  let ended = false;
  return {
    traceparent: writeTraceparent({ traceId, spanId, flags }),
    end: (ending) => {
      if (ended) return;
      ended = true;
      span.setAttributes(attemptEndAttributes(ending));
      if (ending.errorType !== null) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
  };
}

function exporterTo(options: OtlpOptions): SpanExporter {
  const url = `${options.endpoint.replace(/\/+$/, "")}/v1/traces`;
  const limit = exportWithinMs;
  const timeouts = { connectMs: limit, firstByteMs: limit, idleMs: limit, totalMs: limit };
  let complainedAt = Number.NEGATIVE_INFINITY;
  const send = async (spans: ReadableSpan[]): Promise<void> => {
    const body = ProtobufTraceSerializer.serializeRequest(spans);
    if (body === undefined) return;
    const headers = { ...options.headers, "content-type": "application/x-protobuf" };
    const response = await options.outbound.request({ url, method: "POST", headers, body, timeouts });
    response.body.finish();
    if (response.status >= 300) throw new Error(`the collector of traces answered ${response.status}`);
  };
  const complain = (cause: unknown): void => {
    if (performance.now() - complainedAt < complainEveryMs) return;
    complainedAt = performance.now();
    options.onError(new Error("traces could not be sent to their collector", { cause }));
  };
  return {
    export: (spans, done) => {
      send(spans).then(
        () => done({ code: 0 }),
        (error: unknown) => {
          complain(error);
          done({ code: 1 });
        },
      );
    },
    forceFlush: async () => {},
    shutdown: async () => {},
  };
}

function samplerNamed(name: string, ratio: number): Sampler {
  const roots: Record<string, () => Sampler> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  };
  const rootName = name.replace(/^parentbased_/, "");
  const root = roots[rootName]?.();
  if (!root) throw new Error(`there is no sampler ${name}`);
  return rootName === name ? root : new ParentBasedSampler({ root });
}
