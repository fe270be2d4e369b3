type Raw = { rawJSON?: (text: string) => unknown };
type Reviver = (key: string, value: unknown, context: { source?: string }) => unknown;

/**
 * Parses JSON so that writing it again gives the same numbers: one that a double would round or spell otherwise is kept
 * as it was written. `undefined` where it is no JSON. Arguments of tools carry ids that are longer than a double is exact.
 * Source: https://github.com/tc39/proposal-json-parse-with-source; Node 24's V8 has both halves.
 */
export function parseExactly(text: string): unknown {
  try {
    return JSON.parse(text, keepNumbers as (key: string, value: unknown) => unknown);
  } catch {
    return undefined;
  }
}

const keepNumbers: Reviver = (_key, value, { source }) => {
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return (JSON as Raw).rawJSON?.(source) ?? value;
};
