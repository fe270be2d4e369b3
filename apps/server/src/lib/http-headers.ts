import type { FastifyRequest } from "fastify";
import { ApiError } from "./errors.ts";

/** The token behind `Authorization: Bearer`. `null` without one. @throws ApiError invalid_session on another scheme */
export function bearerToken(request: FastifyRequest): string | null {
  const header = request.headers.authorization;
  if (header === undefined) return null;
  if (header.length > 4096 || !/^bearer /i.test(header)) {
    throw new ApiError("invalid_session", "Send the token as `Authorization: Bearer <token>`.");
  }
  return header.slice("bearer ".length).trim();
}

const clientIdForm = /^[A-Za-z0-9_.:-]{1,128}$/;

/** The client's own `x-request-id` where it is well formed. */
export function clientRequestId(request: FastifyRequest): string | null {
  const given = request.headers["x-request-id"];
  return typeof given === "string" && clientIdForm.test(given) ? given : null;
}
