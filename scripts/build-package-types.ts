// Declarations that stand alone. Our packages take their types from the contract's schemas; whoever installs a package
// has neither the contract nor its library, so each schema is written out as the plain type that it describes.
import { execFile } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { errorTable } from "@modelfaucet/contract/errors.ts";
import { type JsonSchema, jsonSchemaOf } from "@modelfaucet/contract/json-schema.ts";

/** @throws Error with the compiler's words when the types are faulty */
export async function writeDeclarations(
  root: string,
  folder: string,
  outDir: string,
  entries: readonly string[],
): Promise<void> {
  const emitted = mkdtempSync(join(tmpdir(), "mf-types-"));
  try {
    await emit(root, folder, emitted, entries);
    const contract = new Map<string, string>();
    for (const path of reached(
      emitted,
      entries.map((entry) => emittedPath(folder, emitted, entry)),
    )) {
      const target = join(outDir, relative(emitted, path));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, await standalone(path, relative(dirname(path), emitted), contract));
    }
    if (contract.size > 0) {
      const about = "/** What the servers send, as their contract says it. */\n";
      writeFileSync(join(outDir, "contract.d.ts"), about + [...contract.values()].join(""));
    }
  } finally {
    rmSync(emitted, { recursive: true, force: true });
  }
}

async function emit(root: string, folder: string, outDir: string, entries: readonly string[]): Promise<void> {
  const project = join(outDir, "tsconfig.json");
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    outDir,
    rootDir: join(folder, "src"),
    // The package's own dependencies lie beside it, those of the compiler's project do not.
    types: [],
  };
  writeFileSync(
    project,
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: [], files: entries }),
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  try {
    await promisify(execFile)(process.execPath, [tsc, "-p", project], { cwd: root });
  } catch (error) {
    throw new Error(`the types of ${folder} are faulty:\n${(error as { stdout?: string }).stdout ?? error}`);
  }
}

function emittedPath(folder: string, emitted: string, source: string): string {
  return join(emitted, relative(join(folder, "src"), source)).replace(/\.tsx?$/, ".d.ts");
}

const relativeImport = /(from|import\()\s*"(\.\.?\/[^"]+)\.tsx?"/g;
const contractImport = /import type \{([^}]*)\} from "@modelfaucet\/contract\/([^"]+)";/g;

/** The declarations that the entries lead to; the rest of the package is nobody's business. */
function reached(emitted: string, entries: readonly string[]): string[] {
  const seen = new Set<string>();
  const waiting = [...entries];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    if (!existsSync(path))
      throw new Error(`${path} was not emitted; there is ${globSync("**", { cwd: emitted })}`);
    seen.add(path);
    for (const [, , target] of readFileSync(path, "utf8").matchAll(relativeImport)) {
      waiting.push(resolve(dirname(path), `${target}.d.ts`));
    }
  }
  return [...seen].sort();
}

async function standalone(path: string, up: string, contract: Map<string, string>): Promise<string> {
  const text = readFileSync(path, "utf8");
  for (const [, names, module] of text.matchAll(contractImport)) {
    for (const name of names!
      .split(",")
      .map((one) => one.trim())
      .filter(Boolean)) {
      contract.set(name, await declarationOf(name, module!));
    }
  }
  return text
    .replace(relativeImport, '$1 "$2.js"')
    .replace(contractImport, `import type {$1} from "${up || "."}/contract.js";`);
}

async function declarationOf(name: string, module: string): Promise<string> {
  if (name === "ErrorCode") {
    return `export type ErrorCode = ${Object.keys(errorTable).map(quoted).join(" | ")};\n`;
  }
  const exported = (await import(`@modelfaucet/contract/${module}`)) as Record<string, unknown>;
  const schema = exported[name] as Parameters<typeof jsonSchemaOf>[0] | undefined;
  if (!schema || !("_zod" in schema)) throw new Error(`${name} of ${module} is no schema`);
  return `export declare const ${name}: { _zod: { output: ${typeOf(jsonSchemaOf(schema, "output"))} } };\n`;
}

/** The TypeScript type of what a schema describes. @throws Error at what our schemas do not use */
function typeOf(schema: JsonSchema & { additionalProperties?: boolean | JsonSchema }): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(" | ");
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.map(typeOf).join(" | ");
  switch (schema.type) {
    case "string":
    case "boolean":
    case "null":
      return schema.type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return `(${typeOf(schema.items ?? {})})[]`;
    case "object":
      return objectType(schema);
    case undefined:
      return "unknown";
    default:
      throw new Error(`no type for ${JSON.stringify(schema)}`);
  }
}

function objectType(schema: JsonSchema & { additionalProperties?: boolean | JsonSchema }): string {
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, inner]) => `${quoted(name)}${required.has(name) ? "" : "?"}: ${typeOf(inner)};`,
  );
  const rest = schema.additionalProperties;
  if (typeof rest === "object") fields.push(`[name: string]: ${typeOf(rest)};`);
  return `{ ${fields.join(" ")} }`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
