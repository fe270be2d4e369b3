import { randomUUID } from "node:crypto";
import type { Product, ServerProcess } from "./product.ts";

/** A text that stands nowhere unless something of ours let it out. */
export type Canary = { readonly name: string; readonly text: string };

export type Sighting = { canary: string; form: string; where: string; around: string };

const pieceLength = 12;

/**
 * Every form in which a canary could be found: raw, JSON-escaped, URL-encoded, hexadecimal, base64 at each of its three
 * offsets, and any twelve characters of it. What is encoded whole may have been escaped before, so its parts are looked for
 * encoded too.
 */
export function formsOf({ text }: Canary): Map<string, string[]> {
  const parts = [text];
  for (let at = 0; at + pieceLength <= text.length; at += pieceLength)
    parts.push(text.slice(at, at + pieceLength));
  const base64 = parts.flatMap(base64Of);
  const forms = new Map([
    ["raw", [text]],
    ["json", [JSON.stringify(text).slice(1, -1)]],
    ["url", [encodeURIComponent(text), new URLSearchParams({ a: text }).toString().slice(2)]],
    [
      "hex",
      parts.map((part) => Buffer.from(part).toString("hex")).flatMap((hex) => [hex, hex.toUpperCase()]),
    ],
    ["base64", base64],
    ["base64url", base64.map((form) => form.replaceAll("+", "-").replaceAll("/", "_"))],
  ]);
  const pieces = [];
  for (let at = 0; at + pieceLength <= text.length; at++) pieces.push(text.slice(at, at + pieceLength));
  forms.set("piece", pieces);
  return forms;
}

function base64Of(part: string): string[] {
  return [0, 1, 2].map((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), Buffer.from(part)])
      .toString("base64")
      .replace(/=+$/, "");
    // The first and the last characters depend on the neighbours.
    return encoded.slice(offset === 0 ? 0 : 4, -2);
  });
}

/** Where a canary stands in these texts. `where` names each text. */
export function findCanaries(
  canaries: readonly Canary[],
  texts: readonly (readonly [where: string, text: string])[],
): Sighting[] {
  const sightings: Sighting[] = [];
  for (const canary of canaries) {
    const forms = formsOf(canary);
    for (const [where, text] of texts) {
      for (const [form, needles] of forms) {
        const at = needles.map((needle) => text.indexOf(needle)).find((index) => index >= 0);
        if (at === undefined) continue;
        sightings.push({
          canary: canary.name,
          form,
          where,
          around: text.slice(Math.max(0, at - 80), at + 80),
        });
        break;
      }
    }
  }
  return sightings;
}

/** Everything that the product has written: what its processes said, every row of every table, every metric. */
export async function everythingWritten(product: Product): Promise<[where: string, text: string][]> {
  const processes = [product.control, ...product.gatewayProcesses];
  await Promise.all(processes.map(untilWritten));
  const written: [string, string][] = processes.map((server, index) => [
    `output of ${index === 0 ? "api and worker" : `gateway ${index}`}`,
    server.output(),
  ]);
  for (const url of [product.api, product.worker, ...product.gatewayProcesses.map((server) => server.url)]) {
    written.push([`${url}/metrics`, await (await fetch(`${url}/metrics`)).text()]);
  }
  const tables = await product.sql<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relkind in ('r', 'p', 'm')
      and not c.relispartition order by 1`;
  for (const { name } of tables) {
    const rows = await product.sql.unsafe(`select to_jsonb(t)::text as line from ${name} t`);
    written.push([`table ${name}`, rows.map(({ line }) => line as string).join("\n")]);
  }
  return written;
}

const writtenWithinMs = 5_000;

/** Processes gather their log lines for a moment: when the line of a marked request is there, so are all before it. */
async function untilWritten(server: ServerProcess): Promise<void> {
  const mark = `mark-${randomUUID()}`;
  await fetch(`${server.url}/health`, { headers: { "x-request-id": mark } });
  const deadline = performance.now() + writtenWithinMs;
  while (!server.output().includes(mark)) {
    if (performance.now() > deadline) throw new Error(`${server.url} logs nothing`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
