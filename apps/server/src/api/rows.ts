import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";

const types = { csv: "text/csv; charset=utf-8", ndjson: "application/x-ndjson; charset=utf-8" };
/** So long a client may take nothing of the rows that wait for it. */
const stalledMs = 60_000;

/** Rows leave as they are read, at the reader's pace; a failure in between cuts the answer, which then has no end. */
export function sendRows(
  format: keyof typeof types,
  rows: AsyncIterable<string>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  request.raw.socket.setTimeout(stalledMs);
  return reply.type(types[format]).send(Readable.from(rows, { highWaterMark: 1 }));
}
