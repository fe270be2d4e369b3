import { z } from "zod";
import { defineRoute } from "../route.ts";
import { listOf, listQuery, oneOf, timeOut, uuid } from "../values.ts";

const alertKinds = ["page", "ticket"] as const;

const alert = z.strictObject({
  id: uuid,
  rule: z.string(),
  kind: z.enum(alertKinds),
  /** What is wrong, and what to do about it. */
  title: z.string(),
  remedy: z.string(),
  target: z.string(),
  details: z.record(z.string(), z.json()),
  opened_at: timeOut,
  closed_at: timeOut.optional(),
  acknowledged_by: z.string().optional(),
  acknowledged_at: timeOut.optional(),
});

export const listAlerts = defineRoute({
  method: "GET",
  path: "/v1/admin/alerts",
  pkg: 2,
  auth: { class: "op", scopes: ["operator:read"] },
  query: z.strictObject({
    ...listQuery,
    state: oneOf(["open", "closed"]).optional(),
    kind: oneOf(alertKinds).optional(),
  }),
  answer: listOf(alert),
  codes: [],
  summary: "Alerts, newest first: what is wrong, since when, what to do, and who looks after it.",
});

export const acknowledgeAlert = defineRoute({
  method: "POST",
  path: "/v1/admin/alerts/:id/acknowledge",
  pkg: 2,
  auth: { class: "op", scopes: ["operator:platform"] },
  params: z.strictObject({ id: uuid }),
  body: z.strictObject({}),
  answer: alert,
  codes: ["not_found"],
  summary: "Notes that the caller looks after an alert; the first one stays.",
});
