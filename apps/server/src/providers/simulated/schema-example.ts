const depthMax = 8;

/** A value that fits a JSON schema well enough to show what a tool call looks like. */
export function exampleFor(schema: unknown, depth = 0): unknown {
  if (typeof schema !== "object" || schema === null || depth > depthMax) return depth === 0 ? {} : null;
  const node = schema as Record<string, unknown>;
  if (node.const !== undefined) return node.const;
  if (Array.isArray(node.enum) && node.enum.length > 0) return node.enum[0];
  const union = node.anyOf ?? node.oneOf;
  if (Array.isArray(union)) return exampleFor(union[0], depth + 1);
  const type = Array.isArray(node.type) ? node.type[0] : node.type;
  switch (type) {
    case "string":
      return "example";
    case "integer":
    case "number":
      return typeof node.minimum === "number" ? node.minimum : 1;
    case "boolean":
      return true;
    case "array":
      return [exampleFor(node.items, depth + 1)];
    case "null":
      return null;
    default:
      return exampleObject(node, depth);
  }
}

function exampleObject(node: Record<string, unknown>, depth: number): Record<string, unknown> {
  const properties = node.properties;
  if (typeof properties !== "object" || properties === null) return {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, property]) => [name, exampleFor(property, depth + 1)]),
  );
}
