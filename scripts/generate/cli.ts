import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { page, table } from "./table.ts";

const root = join(import.meta.dirname, "../..");

type Help = { command: string; text: string };

const groups: readonly { title: string; words: string; sources: string[] }[] = [
  {
    title: "On this machine",
    words: "The platform of `npm start`, and what talks to it.",
    sources: ["apps/platform/src/*.ts"],
  },
  {
    title: "The server's commands",
    words: "With the secrets and the database of this machine; in the image `modelfaucet <command>`.",
    sources: ["apps/server/src/commands/*.ts", "apps/server/src/commands/*/*.ts"],
  },
  {
    title: "Tools of the repository",
    words: "For whoever changes the code, and for CI.",
    sources: ["scripts/*.ts", "bench/*.ts"],
  },
];

/** Every command of which the code has a help text, as it prints it, and the list of `pnpm mf`. */
export function renderCli(): string {
  return page("Commands", "the commands' own help texts", [
    "Every command takes `--help`. Exit codes: **0** done, every check held, or stopped by a signal · **1** a check failed, " +
      "something was refused or missing · **2** wrong usage. With `--json` the result is on standard output and prose on " +
      "standard error. No command prints a secret that it was given.",
    "`pnpm` stands for pnpm 12: `npx pnpm@12` where it is not installed.",
    "## `pnpm mf`",
    table(["command", "does"], summaries()),
    ...groups.flatMap(({ title, words, sources }) => [
      `## ${title}`,
      words,
      ...helpsIn(sources).map(({ command, text }) => `### \`${command}\`\n\n\`\`\`text\n${text}\n\`\`\``),
    ]),
  ]);
}

function summaries(): string[][] {
  return [[], ["hosted"]].flatMap((words) =>
    mfHelp(words)
      .split("\n")
      .flatMap((line) => {
        const [, name, summary] = /^ {2}(\S+)\s{2,}(.+)$/.exec(line) ?? [];
        return name && summary ? [[`\`${["pnpm mf", ...words, name].join(" ")}\``, summary]] : [];
      }),
  );
}

function mfHelp(words: readonly string[]): string {
  return execFileSync(process.execPath, ["apps/server/src/main.ts", ...words, "--help"], {
    cwd: root,
    encoding: "utf8",
    timeout: 30_000,
  });
}

/** A help text stands in the code as one literal that begins with its usage. */
function helpsIn(sources: string[]): Help[] {
  const files = globSync(sources, { cwd: root }).filter((path) => !path.endsWith(".test.ts"));
  return files
    .flatMap((path) => {
      const text = readFileSync(join(root, path), "utf8");
      return [...text.matchAll(/`(usage: (?:pnpm|npm|modelfaucet) [^`$]*)`|"(usage: (?:pnpm|npm) [^"]*)"/g)];
    })
    .map((match) => {
      const text = (match[1] ?? (JSON.parse(`"${match[2]}"`) as string)).trimEnd();
      return { command: commandOf(text), text };
    })
    .toSorted((a, b) => (a.command < b.command ? -1 : 1));
}

/** `pnpm mf retention run` of its usage line: the words before the first flag or value. */
function commandOf(text: string): string {
  const words = text.split("\n")[0]!.slice("usage: ".length).split(" ");
  const end = words.findIndex((word) => /^[[<("-]/.test(word));
  return words.slice(0, end < 0 ? undefined : end).join(" ");
}
