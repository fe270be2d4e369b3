// Makes `dist/`: JavaScript that Node 20 runs as it is, with everything that it needs in it. Node strips no types in
// `node_modules`, and a package without dependencies is quick to fetch.
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build } from "rolldown";

const folder = import.meta.dirname;
/** Or wherever the caller wants it. */
const dist = process.argv[2] ?? join(folder, "dist");

const ownFacts = join(folder, "package.json");
const tokenWorker = createRequire(ownFacts).resolve("@modelfaucet/token-counter/worker.ts");

/** Bundled libraries and who imports them; their licences go along. */
const bundled = [
  ["eventsource-parser", ownFacts],
  ["gpt-tokenizer", tokenWorker],
  ["yaml", ownFacts],
  ["zod", ownFacts],
] as const;

rmSync(dist, { recursive: true, force: true });
// Two programs: the tokenizer runs in a thread of its own, from a file of its own.
for (const [entry, name] of [
  [join(folder, "src/main.ts"), "modelfaucet-bridge.js"],
  [tokenWorker, "token-worker.js"],
] as const) {
  await build({
    input: entry,
    platform: "node",
    logLevel: "warn",
    transform: { target: "node20" },
    output: { file: join(dist, name), format: "esm", codeSplitting: false },
  });
}
writeFileSync(
  join(dist, "THIRD-PARTY-LICENSES.txt"),
  bundled.map(([name, importer]) => licenceOf(name, importer)).join("\n\n"),
);
copyFileSync(join(folder, "../../LICENSE"), join(dist, "LICENSE"));

type PackageFacts = {
  version: string;
  license: string;
  homepage?: string;
  author?: string | { name: string };
};

function licenceOf(name: string, importer: string): string {
  const root = rootOf(createRequire(importer).resolve(name), name);
  const file = readdirSync(root).find((entry) => /^licen[cs]e/i.test(entry));
  const facts = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as PackageFacts;
  const owner = typeof facts.author === "string" ? facts.author : (facts.author?.name ?? "its authors");
  const text =
    file === undefined
      ? `${facts.license}, copyright ${owner}, ${facts.homepage ?? ""}`
      : readFileSync(join(root, file), "utf8");
  return `${name} ${facts.version}\n\n${text.trim()}\n`;
}

function rootOf(path: string, name: string): string {
  let folderOfFile = dirname(path);
  for (;;) {
    try {
      const facts = JSON.parse(readFileSync(join(folderOfFile, "package.json"), "utf8")) as {
        name?: string;
        version?: string;
      };
      if (facts.name === name && facts.version !== undefined) return folderOfFile;
    } catch {
      // No package begins here.
    }
    if (dirname(folderOfFile) === folderOfFile) throw new Error(`the folder of ${name} was not found`);
    folderOfFile = dirname(folderOfFile);
  }
}
