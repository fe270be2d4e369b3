import * as z from "zod";
import { BridgeError } from "../errors.ts";
import { isLocalRequestId } from "../ids.ts";
import type { JsonObject } from "../json.ts";
import type { UsageReport } from "./queue.ts";

const count = z
  .int("must be a whole number from 0")
  .min(0, "must be a whole number from 0")
  .max(100_000_000, "is too large");
const name = (max: number) =>
  z
    .string("must be a text")
    .min(1, "is empty")
    .max(max, `is longer than ${max} characters`)
    .regex(/^[^\p{C}]*$/u, "has control characters");

/** Counts and names only: there is no field that a prompt could be in. */
const reportSchema = z.strictObject({
  request_id: z
    .string("must be a text")
    .refine(isLocalRequestId, "must be req_local_ and a UUID of version 7"),
  app_id: z.string("must be a text").regex(/^[a-zA-Z0-9_:-]{1,128}$/, "must be an app's id"),
  end_user_id_hash: z
    .string("must be a text")
    .regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hex digits"),
  feature_key: z.string("must be a text").regex(/^[a-zA-Z0-9_:-]{1,128}$/, "must be a feature's key"),
  route_mode: z.literal("local", "must be local"),
  provider: name(64),
  model: name(256),
  input_tokens: count,
  output_tokens: count,
  created_at: z.iso.datetime({ offset: true, error: "must be a time such as 2026-11-25T09:00:00.000Z" }),
  usage_source: z.enum(["provider", "estimated"], "must be provider or estimated").optional(),
  duration_ms: z
    .int("must be a whole number from 0")
    .min(0, "must be a whole number from 0")
    .max(86_400_000, "is too large")
    .optional(),
});

/** @throws BridgeError invalid_usage_report that names the first field */
export function readReport(body: JsonObject): UsageReport {
  if (body.permit !== undefined) {
    throw new BridgeError(
      "invalid_usage_report",
      "permit is not offered yet: the local fee is 0, and a report needs none.",
      { param: "permit" },
    );
  }
  const result = reportSchema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const param = issue.code === "unrecognized_keys" ? issue.keys[0]! : issue.path.join(".");
  const why = issue.code === "unrecognized_keys" ? "is not a field of a report" : issue.message;
  throw new BridgeError("invalid_usage_report", `${param} ${why}.`, { param });
}

const acknowledgement = z.strictObject({
  request_ids: z.array(z.string().max(64)).max(1000),
});

/** @throws BridgeError invalid_request */
export function readAcknowledgement(body: JsonObject): string[] {
  const result = acknowledgement.safeParse(body);
  if (result.success) return result.data.request_ids;
  throw new BridgeError(
    "invalid_request",
    "request_ids must be a list of at most 1000 request ids, and nothing else.",
    { param: "request_ids" },
  );
}
