import { z } from "zod";
import { defineRoute } from "../route.ts";
import { listOf, listQuery, oneOf, reason, timeOut, uuid } from "../values.ts";

const rotation = z.strictObject({
  id: uuid,
  kind: z.enum(["encryption"]),
  /** `overlap`: every value is sealed with the new key, and the old one still opens. */
  status: z.enum(["running", "overlap", "finished"]),
  done: z.int().min(0),
  total: z.int().min(0),
  /** Values that did not open, by table and column; absent when all did. */
  unopened: z.record(z.string(), z.int()).optional(),
  reason: z.string(),
  started_by: z.string(),
  started_at: timeOut,
  /** From then on no value needs the old key. */
  old_valid_until: timeOut.optional(),
});

const reads = { class: "op", scopes: ["operator:read"] } as const;
const writes = { class: "op", scopes: ["operator:security"] } as const;
const id = z.strictObject({ id: uuid });

export const startKeyRotation = defineRoute({
  method: "POST",
  path: "/v1/admin/key-rotations",
  pkg: 3,
  auth: writes,
  stepUp: true,
  wantsReason: true,
  body: z.strictObject({ kind: oneOf(["encryption"], { receipt_signing: 4 }), reason }),
  answer: rotation,
  status: 202,
  codes: ["conflict"],
  summary:
    "Begins to seal every stored secret with the ring's first key; the worker does it, some at a time.",
});

export const listKeyRotations = defineRoute({
  method: "GET",
  path: "/v1/admin/key-rotations",
  pkg: 3,
  auth: reads,
  query: z.strictObject({ ...listQuery }),
  answer: listOf(rotation),
  codes: [],
  summary: "Rotations with their progress, the newest first.",
});

export const readKeyRotation = defineRoute({
  method: "GET",
  path: "/v1/admin/key-rotations/:id",
  pkg: 3,
  auth: reads,
  params: id,
  answer: rotation,
  codes: [],
  summary: "One rotation with its progress.",
});

export const finishKeyRotation = defineRoute({
  method: "POST",
  path: "/v1/admin/key-rotations/:id/finish",
  pkg: 3,
  auth: writes,
  stepUp: true,
  wantsReason: true,
  params: id,
  body: z.strictObject({ reason }),
  answer: rotation,
  codes: ["conflict"],
  summary: "Ends a rotation when no value needs the old key; refused while one does.",
});
