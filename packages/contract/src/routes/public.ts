import { z } from "zod";
import { defineRoute } from "../route.ts";

/** Answered by all three services, on their own ports. */

export const readHealth = defineRoute({
  method: "GET",
  path: "/health",
  pkg: 1,
  auth: { class: "none" },
  answer: z.strictObject({ ok: z.literal(true), service: z.string() }),
  codes: [],
  summary: "The process answers.",
});

export const readReadiness = defineRoute({
  method: "GET",
  path: "/ready",
  pkg: 1,
  auth: { class: "none" },
  answer: z.strictObject({
    ok: z.boolean(),
    service: z.string(),
    checks: z.record(z.string(), z.enum(["ok", "down"])),
  }),
  codes: ["service_unavailable"],
  summary: "The process can work: database, schema and keys are there and it is not draining.",
});

export const readMetrics = defineRoute({
  method: "GET",
  path: "/metrics",
  pkg: 1,
  auth: { class: "monitor" },
  answer: z.string(),
  codes: [],
  summary: "Prometheus text.",
});
