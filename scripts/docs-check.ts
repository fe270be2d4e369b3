// `pnpm docs:check`: links, generated references, and every code block of the README and the guides, as printed, in a
// fresh copy with a data folder of its own.
import { execFile, execFileSync } from "node:child_process";
import { globSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { freshCopy } from "./docs-check-copy.ts";
import { type Page, readPage } from "./docs-check-pages.ts";
import { createStarted, runPage, type Surroundings } from "./docs-check-shell.ts";
import { faultsOfMenu, faultsOfWords } from "./docs-check-words.ts";

const usage = `usage: pnpm docs:check [--words] [--json]
Checks the README and the guides: links and their headings, names of commands and variables, generated references; then it
runs every block of commands as it is printed, page by page, in a fresh copy, and type-checks every block of TypeScript.

  --words   without running anything

What is done with a block stands behind its language:
  sh                        is run, in order, in one shell for each page
  sh start: <words>         goes on running for all pages that follow, and is there when it has printed these words
  sh no-run: <reason>       cannot run here; it is listed with its reason
  ts, tsx, json, yaml, ini  is type-checked, parsed, or its variables are looked up
  <language> file: <path>   is written into that file of the copy as well
A page whose commands talk to a running platform says so: <!-- docs-check: platform -->`;

const root = join(import.meta.dirname, "..");
// In the order of a newcomer. What is generated names no command to run.
const paths = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...globSync("docs/**/*.md", { cwd: root, exclude: ["docs/reference/**", "docs/.vitepress/**"] }).sort(),
];
/** The platform's usual ports, which pages print, and the variables that move them. */
const usualPorts = {
  PORT_API: 3001,
  PORT_GATEWAY: 3002,
  PORT_WORKER: 3003,
  PORT_SIMULATED_PROVIDER: 4010,
  PORT_DASHBOARD: 5173,
  PORT_CRM_DEMO: 5174,
  MODELFAUCET_BRIDGE_PORT: 8787,
  /** Where the quickstart's own backend listens. */
  PORT: 8080,
};

/** There is no terminal here in which npx could ask whether it may fetch pnpm: yes. */
const answers = { npm_config_yes: "true" };

type Told = { page: string; run: number; left: { line: number; reason: string }[]; seconds: number };

/** React is no package of the root, so pages that use it find its types where our package for it has them. */
const typesProject = {
  extends: "../tsconfig.json",
  include: ["**/*.ts", "**/*.tsx"],
  compilerOptions: {
    paths: {
      "@modelfaucet/react": ["../packages/react/src/index.ts"],
      react: ["../packages/react/node_modules/@types/react/index.d.ts"],
      "react/jsx-runtime": ["../packages/react/node_modules/@types/react/jsx-runtime.d.ts"],
    },
  },
};

process.exit(await main(process.argv.slice(2).filter((arg) => arg !== "--")));

async function main(args: string[]): Promise<number> {
  let values: { words?: boolean | undefined; json?: boolean | undefined; help?: boolean | undefined };
  try {
    const options = {
      words: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    } as const;
    values = parseArgs({ args, options }).values;
  } catch (error) {
    console.error((error as Error).message);
    return 2;
  }
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const say = values.json ? console.error : console.log;
  const pages = paths.map((path) => readPage(root, path));
  const faults = [
    ...faultsOfWords(root, pages),
    ...faultsOfMenu(root, "docs/.vitepress/config.ts"),
    ...staleFiles(),
  ];
  for (const fault of faults) say(fault);
  const told: Told[] = [];
  if (!values.words && faults.length === 0) faults.push(...(await runPages(pages, told, say)));
  if (values.json) console.log(JSON.stringify({ ok: faults.length === 0, faults, pages: told }));
  const runs = told.reduce((sum, { run }) => sum + run, 0);
  const left = told.reduce((sum, page) => sum + page.left.length, 0);
  say(`docs:check: ${pages.length} pages, ${runs} blocks run, ${left} left out, ${faults.length} faults`);
  return faults.length === 0 ? 0 : 1;
}

function staleFiles(): string[] {
  try {
    execFileSync(process.execPath, ["scripts/generate.ts", "--check"], { cwd: root, stdio: "pipe" });
    return [];
  } catch (error) {
    return String((error as { stderr: Buffer }).stderr)
      .trim()
      .split("\n");
  }
}

async function runPages(
  pages: readonly Page[],
  told: Told[],
  say: (line: string) => void,
): Promise<string[]> {
  using copy = freshCopy(root);
  await using started = createStarted();
  const where = await surroundings(copy.folder);
  const faults: string[] = [];
  for (const page of pages) {
    if (page.wantsPlatform && faults.length > 0) continue;
    const beganAt = performance.now();
    const failure = await runPage(page, where, started);
    const seconds = (performance.now() - beganAt) / 1000;
    copy.restore();
    const left = page.blocks.flatMap(({ line, use }) =>
      use.kind === "leave" ? [{ line, reason: use.reason }] : [],
    );
    const run = page.blocks.filter(({ language, use }) => language === "sh" && use.kind !== "leave").length;
    told.push({ page: page.path, run, left, seconds });
    say(
      `${failure ? "FAIL" : "ok  "}  ${page.path}  ${run} run, ${left.length} left out, ${seconds.toFixed(1)} s`,
    );
    for (const { line, reason } of left) say(`      ${page.path}:${line} not run: ${reason}`);
    if (!failure) continue;
    say(failure.output);
    faults.push(`${page.path}:${failure.line} ${failure.sentence}`);
  }
  const types = await faultsOfTypes(pages, copy.folder);
  for (const fault of types) say(fault);
  return [...faults, ...types];
}

async function surroundings(folder: string): Promise<Surroundings> {
  const moved = new Map<string, string>();
  const ports: Record<string, string> = {};
  for (const [name, port] of Object.entries(usualPorts)) {
    if (await isFree(port)) continue;
    const other = await freePort();
    if (name !== "PORT") ports[name] = String(other);
    moved.set(String(port), String(other));
  }
  if (moved.size > 0)
    console.error(`ports ${[...moved.keys()].join(", ")} are taken here: others stand in for them`);
  const bin = await pnpmFolder(folder);
  const kept = Object.entries(process.env).filter(([name]) => isPlain(name));
  return {
    folder,
    env: {
      ...Object.fromEntries(kept),
      ...ports,
      PATH: `${bin}:${process.env.PATH}`,
      TERM: "dumb",
      ...answers,
    },
    printed: (text) => text.replaceAll(/\b\d{4}\b/g, (port) => moved.get(port) ?? port),
  };
}

/** What a newcomer's shell has too: neither keys of providers nor anything of ours or of whoever runs this. */
function isPlain(name: string): boolean {
  return /^(HOME|PATH|USER|LANG|LC_\w+|TMPDIR|HTTPS?_PROXY|NO_PROXY|https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|npm_config_registry|TEST_RUN_ID)$/.test(
    name,
  );
}

/** A folder with `pnpm` in it, the version that the pages name; found once, because npx takes its time. */
async function pnpmFolder(folder: string): Promise<string> {
  const found = await promisify(execFile)("npx", ["--yes", "--package", "pnpm@12", "--", "which", "pnpm"], {
    cwd: folder,
  });
  const bin = join(folder, ".git", "bin");
  mkdirSync(bin);
  symlinkSync(found.stdout.trim(), join(bin, "pnpm"));
  return bin;
}

async function faultsOfTypes(pages: readonly Page[], folder: string): Promise<string[]> {
  const blocks = pages.flatMap((page) =>
    page.blocks
      .filter(({ language, use }) => /^tsx?$/.test(language) && use.kind !== "leave")
      .map((block) => ({ page, block })),
  );
  if (blocks.length === 0) return [];
  const place = join(folder, "docs-check-types");
  mkdirSync(place);
  writeFileSync(join(place, "tsconfig.json"), JSON.stringify(typesProject));
  const files = new Map(
    blocks.map((each, index) => [
      each.block.use.kind === "file" ? each.block.use.path : `${index}.${each.block.language}`,
      each,
    ]),
  );
  for (const [path, { block }] of files) {
    mkdirSync(dirname(join(place, path)), { recursive: true });
    writeFileSync(join(place, path), `${block.text}\nexport {};\n`);
  }
  const tsc = join(folder, "node_modules/typescript/bin/tsc");
  const checked = promisify(execFile)(process.execPath, [tsc, "--noEmit", "--pretty", "false", "-p", place], {
    cwd: folder,
  });
  try {
    await checked;
    return [];
  } catch (error) {
    const { stdout } = error as { stdout: string };
    const found = [...stdout.matchAll(/docs-check-types\/([^()\n]+)\((\d+),\d+\): (.+)/g)].map((match) => {
      const { page, block } = files.get(match[1]!)!;
      return `${page.path}:${block.line + Number(match[2])} ${match[3]}`;
    });
    return found.length > 0 ? found : [`types: ${stdout.trim() || String(error)}`];
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
