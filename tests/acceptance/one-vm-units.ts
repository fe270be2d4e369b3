import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";

export type Unit = {
  readonly name: string;
  /** The words of ExecStart, as systemd would give them to the program. */
  readonly argv: readonly string[];
  readonly environment: Record<string, string>;
  readonly stateDirectory: string | null;
};

/** Paths of the units as they are shipped, and where they lie for a test. */
export type Places = Readonly<Record<string, string>>;

/** Copies the shipped units with their paths changed. */
export function placeUnits(from: string, to: string, places: Places): void {
  cpSync(from, to, { recursive: true });
  for (const name of readdirSync(to, { recursive: true, encoding: "utf8" })) {
    if (!/\.(service|timer|target|conf)$/.test(name)) continue;
    const path = join(to, name);
    writeFileSync(path, placed(readFileSync(path, "utf8"), places));
  }
}

/** Every service of a folder, by its name. */
export function readServices(folder: string, state: string): Record<string, Unit> {
  const names = readdirSync(folder).filter((name) => name.endsWith(".service"));
  return Object.fromEntries(
    names.map((name) => [name.replace(/\.service$/, ""), readService(name, folder, state)]),
  );
}

function readService(name: string, folder: string, state: string): Unit {
  const text = readFileSync(join(folder, name), "utf8");
  const all = (key: string): string[] =>
    [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map((match) => match[1]!);
  const [start, ...more] = all("ExecStart");
  if (!start || more.length > 0) throw new Error(`${name} does not start exactly one program`);
  const stateDirectory = all("StateDirectory").length > 0 ? state : null;
  return {
    name,
    argv: wordsOf(start),
    // What is said in a file wins over what is said in the unit, as in systemd.
    environment: {
      ...Object.fromEntries(
        all("Environment")
          .flatMap(wordsOf)
          .map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
      ),
      ...Object.assign({}, ...all("EnvironmentFile").map((file) => parseEnv(readFileSync(file, "utf8")))),
      ...(stateDirectory ? { STATE_DIRECTORY: stateDirectory } : {}),
    },
    stateDirectory,
  };
}

/** systemd's words: separated by blanks, held together by quotes. The shipped lines use nothing else of its syntax. */
function wordsOf(line: string): string[] {
  if (/[%$\\';]/.test(line.replace(/"[^"]*"/g, "")))
    throw new Error(`more syntax than this test reads: ${line}`);
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2]!);
}

function placed(text: string, places: Places): string {
  return Object.entries(places).reduce((changed, [from, to]) => changed.replaceAll(from, to), text);
}
