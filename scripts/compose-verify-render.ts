// Renders compose files as Docker Compose would: infra/compose-render is a few lines around its own library.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { type Finding, requiredNames } from "./compose-verify-rules.ts";

const root = join(import.meta.dirname, "..");
const sources = join(root, "infra/compose-render");
const run = promisify(execFile);

export type Renderer = (
  file: string,
  environment: Record<string, string>,
) => Promise<{ ok: boolean; output: string }>;

/** Path of Go, `null` where there is none. */
export function findGo(): string | null {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, "go")).find((path) => existsSync(path)) ?? null;
}

/** Builds the renderer, once for each state of its sources. @throws Error one sentence: what Go said */
export async function buildRenderer(go: string): Promise<Renderer> {
  const content = ["main.go", "go.mod", "go.sum"].map((name) => readFileSync(join(sources, name), "utf8"));
  const state = createHash("sha256").update(content.join("\n")).digest("hex").slice(0, 12);
  const program = join(root, ".cache/compose-render", state);
  if (!existsSync(program)) {
    try {
      await run(go, ["build", "-trimpath", "-o", program, "."], {
        cwd: sources,
        // The Go that is there, with the modules that go.sum fixes: nothing else is fetched.
        env: {
          ...process.env,
          GOTOOLCHAIN: "local",
          GOFLAGS: "-mod=readonly -buildvcs=false",
          GOWORK: "off",
        },
        timeout: buildWithinMs,
      });
    } catch (error) {
      const said = String((error as { stderr?: string }).stderr || (error as Error).message);
      throw new Error(`the renderer could not be built: ${said.trim().split("\n").at(-1)}`);
    }
  }
  return async (file, environment) => {
    try {
      const { stdout } = await run(program, [file], {
        cwd: root,
        env: { PATH: process.env.PATH ?? "", ...environment },
        timeout: renderWithinMs,
      });
      return { ok: true, output: stdout };
    } catch (error) {
      return { ok: false, output: String((error as { stderr?: string }).stderr || (error as Error).message) };
    }
  };
}

const buildWithinMs = 180_000;
const renderWithinMs = 20_000;

/** Renders the file whole, then once with each required name missing and once with it blank. */
export async function renderedFindings(file: string, text: string, render: Renderer): Promise<Finding[]> {
  const names = requiredNames(text);
  const whole = Object.fromEntries(names.map((name) => [name, `value-of-${name.toLowerCase()}`]));
  const found: string[] = [];
  const { ok, output } = await render(file, whole);
  if (!ok) found.push(`does not render with every name given: ${output.trim().split("\n")[0]}`);
  else {
    if (output.includes("${")) found.push("leaves a name unresolved");
    const lost = names.filter((name) => !output.includes(whole[name]!));
    if (lost.length > 0) found.push(`asks for ${lost.join(", ")} and does not use it`);
  }
  for (const name of names) {
    const { [name]: _, ...others } = whole;
    for (const [how, environment] of [
      ["missing", others],
      ["blank", { ...others, [name]: "" }],
    ] as const) {
      const without = await render(file, environment);
      if (without.ok) found.push(`renders although ${name} is ${how}`);
      else if (!new RegExp(`\\b${name}\\b`).test(without.output))
        found.push(`does not name ${name} when it is ${how}`);
    }
  }
  return found.map((message) => ({ file, line: 1, message }));
}
