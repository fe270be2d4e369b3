import * as z from "zod";
import { endpointKinds } from "./settings.ts";

/** The form of `bridge.yaml`. What depends on more than one field, or on the environment, is judged in `load.ts`. */
const endpointIdForm = /^[a-z0-9_-]{1,32}$/;
const featureKeyForm = /^[a-zA-Z0-9_:-]{1,128}$/;

const glob = z
  .string("must be a pattern of a model's name")
  .min(1, "is empty")
  .max(256, "is longer than 256 characters");
const wholeNumber = (min: number, max: number) =>
  z
    .int(`must be a whole number from ${min} to ${max}`)
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`);

const endpoint = z.strictObject({
  id: z
    .string("must be a text")
    .regex(endpointIdForm, "must be 1 to 32 lower-case letters, digits, `_` or `-`"),
  name: z.string("must be a text").min(1, "is empty").max(128, "is longer than 128 characters").optional(),
  kind: z.enum(endpointKinds, `must be one of ${endpointKinds.join(", ")}`),
  base_url: z.string("must be a URL"),
  api_key: z
    .string("must be `env:` and the name of a variable")
    .regex(
      /^env:[A-Za-z_][A-Za-z0-9_]{0,127}$/,
      "must be `env:` and the name of a variable; a key in this file is refused",
    )
    .optional(),
  allow_remote: z.boolean("must be true or false").default(false),
  models: z.array(glob, "must be a list of patterns").max(200, "has more than 200 entries").optional(),
  context_lengths: z.record(glob, wholeNumber(1, 100_000_000), "must map patterns to numbers").default({}),
  max_concurrency: wholeNumber(1, 256).optional(),
});

export const bridgeFileSchema = z.strictObject(
  {
    version: z.literal(1, "must be 1"),
    listen: z
      .strictObject({
        host: z
          .enum(
            ["127.0.0.1", "::1", "localhost"],
            "must be 127.0.0.1, ::1 or localhost: the bridge serves this computer alone",
          )
          .default("127.0.0.1"),
        port: wholeNumber(1, 65_535).optional(),
      })
      .default({ host: "127.0.0.1" }),
    endpoints: z
      .array(endpoint, "must be a list of endpoints")
      .min(1, "names no endpoint")
      .max(32, "has more than 32 entries"),
    aliases: z
      .record(
        z.string().regex(featureKeyForm, "must be a feature key"),
        z.string("must be a model id such as ollama:qwen3:8b").max(300, "is longer than 300 characters"),
        "must map feature keys to model ids",
      )
      .default({}),
    grants: z
      .strictObject({ expire_after_days: wholeNumber(1, 3650).default(90) })
      .default({ expire_after_days: 90 }),
    limits: z
      .strictObject({
        body_mib: wholeNumber(1, 256).default(32),
        first_byte_s: wholeNumber(1, 3600).default(300),
        idle_s: wholeNumber(1, 3600).default(120),
        total_min: wholeNumber(1, 1440).default(30),
      })
      .default({ body_mib: 32, first_byte_s: 300, idle_s: 120, total_min: 30 }),
    usage_queue: z
      .strictObject({
        max_reports: wholeNumber(1, 100_000).default(10_000),
        keep_days: wholeNumber(1, 3650).default(30),
      })
      .default({ max_reports: 10_000, keep_days: 30 }),
    log: z
      .strictObject({
        level: z
          .enum(["silent", "error", "info", "debug"], "must be silent, error, info or debug")
          .default("info"),
      })
      .default({ level: "info" }),
  },
  "must be a mapping that begins with `version: 1`",
);

export type BridgeFile = z.output<typeof bridgeFileSchema>;
export type EndpointEntry = BridgeFile["endpoints"][number];
export type ZodIssue = z.core.$ZodIssue;
