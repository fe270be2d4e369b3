// `pnpm verify:secrets`: nothing that opens a door lies in the tree, in its history on request, or in a built page.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { filesOfHistory, filesOfTree, type ScannedFile } from "./verify-secrets/files.ts";
import { createScanner, type Finding } from "./verify-secrets/scan.ts";

const usage = `usage: pnpm verify:secrets [--history] [--json]

Searches tracked and untracked files and built pages for keys of providers, Stripe and clouds, for tokens of ModelFaucet,
for env files with secrets in them, and for the secrets of this environment. Prints file, line and kind, never a value.

  --root <folder>   another folder than this repository
  --history         also every version of every file that git knows`;

process.exitCode = main(process.argv.slice(2));

function main(args: readonly string[]): number {
  const flags = readFlags(args);
  if (typeof flags === "string") {
    console.error(flags);
    return 2;
  }
  if (flags.help) {
    console.log(usage);
    return 0;
  }
  const scan = createScanner(process.env);
  const tree = searched(filesOfTree(flags.root), scan);
  const history = flags.history ? searched(filesOfHistory(flags.root), scan) : { files: 0, findings: [] };
  const findings = [...tree.findings, ...history.findings];
  if (flags.json) {
    console.log(
      JSON.stringify({ ok: findings.length === 0, files: tree.files, versions: history.files, findings }),
    );
  } else {
    for (const { file, line, kind } of findings) console.log(`${file}:${line} ${kind}`);
    const versions = flags.history ? ` and ${history.files} versions of files` : "";
    console.log(`${tree.files} files${versions} searched, ${findings.length} findings`);
  }
  return findings.length === 0 ? 0 : 1;
}

function readFlags(
  args: readonly string[],
): { root: string; history: boolean; json: boolean; help: boolean } | string {
  try {
    const { values } = parseArgs({
      args: args.filter((arg) => arg !== "--"),
      options: {
        root: { type: "string" },
        history: { type: "boolean" },
        json: { type: "boolean" },
        help: { type: "boolean" },
      },
    });
    return {
      root: values.root ?? join(import.meta.dirname, ".."),
      history: values.history ?? false,
      json: values.json ?? false,
      help: values.help ?? false,
    };
  } catch (error) {
    return `${(error as Error).message}\n\n${usage}`;
  }
}

function searched(
  files: Iterable<ScannedFile>,
  scan: (file: ScannedFile) => Finding[],
): { files: number; findings: Finding[] } {
  let count = 0;
  const findings: Finding[] = [];
  for (const file of files) {
    count++;
    findings.push(...scan(file));
  }
  return { files: count, findings };
}
