import type { EgressReason } from "./egress/refusal.ts";

export type OutboundFailureKind =
  | "not_allowed"
  /** No byte of an answer: not connected, or the connection died before the headers. */
  | "connect"
  | "first_byte_timeout"
  | "idle_timeout"
  | "total_timeout"
  /** The connection died inside the answer. */
  | "truncated"
  | "malformed"
  | "too_large"
  | "aborted";

/** Why a call failed. `message` is ours: no address, header or foreign text is in it. */
export class OutboundError extends Error {
  readonly kind: OutboundFailureKind;

  /** With `not_allowed` from the tenants' door: the class of what was wrong. */
  readonly reason: EgressReason | null;

  constructor(
    kind: OutboundFailureKind,
    message: string,
    options: ErrorOptions & { reason?: EgressReason } = {},
  ) {
    super(message, options);
    this.name = "OutboundError";
    this.kind = kind;
    this.reason = options.reason ?? null;
  }
}
