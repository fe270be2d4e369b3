// Carries out a Dockerfile's build on this machine: each stage is a folder, each COPY and RUN is done in it as it is
// written there. Packages of the system and users are the only steps left out, and told.
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { basename, dirname, isAbsolute, join, matchesGlob } from "node:path";
import { promisify } from "node:util";
import {
  environmentPairs,
  execForm,
  lastOf,
  parseDockerfile,
  type Stage,
  splitFlags,
} from "./image-rehearsal-dockerfile.ts";

const root = join(import.meta.dirname, "..");
const run = promisify(execFile);

export type BuiltImage = {
  /** The folder that is `/` in the image. */
  readonly root: string;
  readonly workdir: string;
  readonly environment: Record<string, string>;
  /** `uid:gid`. */
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly probe: readonly string[];
  /** What a Docker engine would have done besides, one line each. */
  readonly leftOut: readonly string[];
};

/**
 * Builds the target of a Dockerfile below a folder, from the files that git tracks and `.dockerignore` lets through.
 * `node` becomes the image's Node. @throws Error naming the step that failed
 */
export async function buildImage(options: {
  dockerfile: string;
  target: string;
  folder: string;
  node: string;
  buildArgs?: Record<string, string>;
}): Promise<BuiltImage> {
  const stages = parseDockerfile(readFileSync(join(root, options.dockerfile), "utf8"));
  const target = stages.find(({ name }) => name === options.target);
  if (!target) throw new Error(`${options.dockerfile} has no stage ${options.target}`);
  const context = join(options.folder, "context");
  copyContext(await trackedFiles(), context);
  const leftOut: string[] = [];
  let environment: Record<string, string> = {};
  let workdir = "/";
  for (const stage of neededStages(stages, target)) {
    const build = new StageBuild({ ...options, context, stage, isLast: stage === target, leftOut });
    ({ environment, workdir } = await build.run());
  }
  const stageRoot = join(options.folder, target.name);
  // As COPY leaves them: root's, and nobody else may write.
  await run("chmod", ["-R", "u+rwX,go+rX,go-w", stageRoot]);
  const exec = (name: string): string[] => execForm(lastOf(stages, target, name)?.rest ?? "[]") ?? [];
  return {
    root: stageRoot,
    workdir,
    environment,
    user: lastOf(stages, target, "USER")?.rest ?? "0:0",
    entrypoint: exec("ENTRYPOINT"),
    command: exec("CMD"),
    probe: execForm((lastOf(stages, target, "HEALTHCHECK")?.rest ?? "").replace(/^.*?CMD /, "")) ?? [],
    leftOut,
  };
}

type StageOptions = {
  folder: string;
  context: string;
  node: string;
  stage: Stage;
  isLast: boolean;
  buildArgs?: Record<string, string>;
  leftOut: string[];
};

class StageBuild {
  readonly #options: StageOptions;
  readonly #root: string;
  #workdir = "/";
  #environment: Record<string, string> = {};
  #arguments: Record<string, string> = {};

  constructor(options: StageOptions) {
    this.#options = options;
    this.#root = join(options.folder, options.stage.name);
  }

  async run(): Promise<{ environment: Record<string, string>; workdir: string }> {
    const { folder, node, stage, isLast } = this.#options;
    const base = join(folder, stage.from);
    if (existsSync(base)) await run("cp", ["-a", base, this.#root]);
    // What the base image brings. A link would lead out of what an unprivileged user may enter.
    mkdirSync(join(this.#root, "usr/local/bin"), { recursive: true });
    rmSync(join(this.#root, "usr/local/bin/node"), { force: true });
    if (isLast) cpSync(node, join(this.#root, "usr/local/bin/node"));
    else symlinkSync(node, join(this.#root, "usr/local/bin/node"));
    for (const { line, name, rest } of stage.instructions) {
      try {
        await this.#step(name, rest);
      } catch (error) {
        const said = String((error as { stderr?: string }).stderr || (error as Error).message).trim();
        throw new Error(`${stage.name}, line ${line}, ${name} ${rest.slice(0, 100)}: ${said.slice(-2_000)}`);
      }
    }
    return { environment: this.#environment, workdir: this.#workdir };
  }

  async #step(name: string, rest: string): Promise<void> {
    if (name === "WORKDIR") {
      this.#workdir = rest;
      mkdirSync(this.#inside(rest), { recursive: true });
    } else if (name === "ENV") Object.assign(this.#environment, environmentPairs(rest));
    else if (name === "ARG") {
      const value = this.#options.buildArgs?.[rest];
      if (value !== undefined) this.#arguments[rest] = value;
    } else if (name === "COPY") await this.#copy(rest);
    else if (name === "RUN") await this.#run(rest);
  }

  async #copy(rest: string): Promise<void> {
    const { flags, words } = splitFlags(rest);
    const paths = words.split(/\s+/);
    const destination = paths.pop()!;
    const target = this.#inside(isAbsolute(destination) ? destination : join(this.#workdir, destination));
    const { from } = flags;
    const source = from === undefined ? this.#options.context : join(this.#options.folder, from);
    const isFolder = paths.length > 1 || destination.endsWith("/");
    for (const path of paths) {
      const found = join(source, path);
      const place = isFolder ? join(target, basename(path)) : target;
      if (statSync(found).isDirectory()) {
        mkdirSync(target, { recursive: true });
        await run("cp", ["-a", `${found}/.`, target]);
      } else {
        mkdirSync(dirname(place), { recursive: true });
        await run("cp", ["-a", found, place]);
      }
    }
  }

  async #run(rest: string): Promise<void> {
    const words = execForm(rest);
    if (words === null || words[0] === "useradd") {
      if (words === null && !rest.startsWith("apt-get "))
        throw new Error("only packages are installed by a shell");
      this.#options.leftOut.push(words === null ? "packages of the system" : "the user's name");
      return;
    }
    const [program, ...parameters] = words;
    await run(
      program!,
      parameters.map((word) => (word.startsWith("/") ? this.#inside(word) : word)),
      {
        cwd: this.#inside(this.#workdir),
        env: {
          PATH: `${join(this.#root, "usr/local/bin")}:${process.env.PATH}`,
          HOME: process.env.HOME ?? "/",
          ...wayToRegistry(),
          ...this.#environment,
          ...this.#arguments,
        },
        timeout: stepWithinMs,
        maxBuffer: 16_777_216,
      },
    );
  }

  #inside(path: string): string {
    return join(this.#root, path);
  }
}

const stepWithinMs = 180_000;

/** How this machine reaches a registry: proxies, certificates, the registry itself. Nothing else of it gets in. */
function wayToRegistry(): Record<string, string> {
  const names = /^(https?|no|all)_proxy$|^npm_config_|^(NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR))$/i;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      names.test(name) && value ? [[name, value]] : [],
    ),
  );
}

/** The target's stages and those that they copy from or begin with, in the order of the file. */
function neededStages(stages: readonly Stage[], target: Stage): Stage[] {
  const needed = new Set<string>();
  const need = (name: string): void => {
    const stage = stages.find((candidate) => candidate.name === name);
    if (!stage || needed.has(name)) return;
    needed.add(name);
    need(stage.from);
    for (const { name: word, rest } of stage.instructions)
      if (word === "COPY") need(splitFlags(rest).flags.from ?? "");
  };
  need(target.name);
  return stages.filter(({ name }) => needed.has(name));
}

async function trackedFiles(): Promise<string[]> {
  const { stdout } = await run("git", ["ls-files", "-z"], { cwd: root, maxBuffer: 16_777_216 });
  const ignored = readFileSync(join(root, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
  return stdout
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)))
    .filter((path) => !ignored.some((pattern) => isIgnored(path, pattern)));
}

/** A pattern hides a file, or any folder above it. */
function isIgnored(path: string, pattern: string): boolean {
  for (let part = path; part !== "."; part = dirname(part)) if (matchesGlob(part, pattern)) return true;
  return false;
}

function copyContext(files: readonly string[], context: string): void {
  for (const file of files) {
    const target = join(context, file);
    mkdirSync(dirname(target), { recursive: true });
    cpSync(join(root, file), target, { preserveTimestamps: true });
  }
}
