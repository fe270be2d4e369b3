import { z } from "zod";

/** The part of JSON Schema (2020-12) that our schemas come out as. */
export type JsonSchema = {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  not?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
};

/** Names for schemas that stand in many places: where one occurs, it becomes a `$ref` to `#/$defs/<name>`. */
export type SchemaNames = z.core.$ZodRegistry<{ id: string }>;

export function namesOf(schemas: ReadonlyMap<string, unknown>): SchemaNames {
  const names: SchemaNames = z.registry<{ id: string }>();
  for (const [id, schema] of schemas) if (schema instanceof z.ZodType) names.add(schema, { id });
  return names;
}

/** What a client may send (`input`) or is answered (`output`). Reserved fields come out as `not`. */
export function jsonSchemaOf(schema: z.ZodType, io: "input" | "output", names?: SchemaNames): JsonSchema {
  return z.toJSONSchema(schema, {
    io,
    ...(names ? { metadata: names } : {}),
    unrepresentable: "any",
    cycles: "ref",
    reused: "inline",
  }) as JsonSchema;
}
