// What an operator types: commands of the server and its roles as processes, with the production environment alone.
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostNames } from "./host-names.ts";

const root = join(import.meta.dirname, "../..");
const entry = "apps/server/src/main.ts";

export type Ended = { code: number | null; output: string };

export type Running = {
  readonly name: string;
  readonly child: ChildProcess;
  output(): string;
  /** With `null` where a signal ended it. */
  readonly ended: Promise<number | null>;
};

const commandWithinMs = 120_000;
const outputKept = 200_000;

export class Operator {
  readonly #names: HostNames;
  readonly #folder: string;
  readonly #running = new Set<Running>();

  constructor(names: HostNames, folder: string) {
    this.#names = names;
    this.#folder = folder;
  }

  /** To its end. @throws Error with its last words unless it ends with 0 */
  async command(args: readonly string[], environment: Record<string, string>): Promise<string> {
    const { code, output } = await this.run(args, environment);
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}:\n${output.slice(-4_000)}`);
    return output;
  }

  async run(args: readonly string[], environment: Record<string, string>): Promise<Ended> {
    const running = this.start(args.join(" "), args, environment);
    const timer = setTimeout(() => running.child.kill("SIGKILL"), commandWithinMs);
    const code = await running.ended;
    clearTimeout(timer);
    return { code, output: running.output() };
  }

  start(name: string, args: readonly string[], environment: Record<string, string>): Running {
    const [program, ...words] = this.#names.wrap([
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      entry,
      ...args,
    ]);
    const child = spawn(program!, words, {
      cwd: root,
      env: {
        PATH: process.env.PATH ?? "",
        MODELFAUCET_PARENT_PID: String(process.pid),
        ...(process.env.TEST_RUN_ID ? { TEST_RUN_ID: process.env.TEST_RUN_ID } : {}),
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-outputKept);
      });
    const ended = new Promise<number | null>((resolve) => {
      child.once("error", () => resolve(null));
      child.once("close", (code) => {
        writeFileSync(join(this.#folder, `${name.replaceAll(/[^a-z0-9-]+/g, "-").slice(0, 60)}.log`), output);
        this.#running.delete(running);
        resolve(code);
      });
    });
    const running: Running = { name, child, output: () => output, ended };
    this.#running.add(running);
    return running;
  }

  /** Ends what a failed rehearsal has left. */
  async close(): Promise<void> {
    const left = [...this.#running];
    for (const { child } of left) child.kill("SIGKILL");
    await Promise.all(left.map(({ ended }) => ended));
  }
}
