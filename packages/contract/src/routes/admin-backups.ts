import { z } from "zod";
import { defineRoute } from "../route.ts";
import { listOf, listQuery, timeOut, uuid } from "../values.ts";

export const listBackups = defineRoute({
  method: "GET",
  path: "/v1/admin/backups",
  pkg: 2,
  auth: { class: "op", scopes: ["operator:read"] },
  query: z.strictObject({ ...listQuery }),
  answer: listOf(
    z.strictObject({
      id: uuid,
      taken_at: timeOut,
      schema_version: z.int().min(1),
      sha256: z.string(),
      tested_at: timeOut.optional(),
    }),
  ),
  codes: [],
  summary: "Backups that were taken, the newest first; `tested_at` where a restore drill has passed.",
});
