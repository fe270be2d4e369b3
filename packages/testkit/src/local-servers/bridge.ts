import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "../../../..");

/** One line of `start --json`. */
// biome-ignore lint/suspicious/noExplicitAny: tests read it field by field; a missing one fails them.
export type BridgeEvent = { event: string } & Record<string, any>;

export type BridgeCommand = { code: number | null; stdout: string; stderr: string };

export type BridgeAnswer = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  body: any;
};

export type RunningBridge = {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  readonly port: number;
  readonly home: string;
  readonly pid: number;
  /** Everything it wrote, both streams. */
  output(): string;
  readonly events: readonly BridgeEvent[];
  /** Waits for a line of `start --json`. */
  event(isMeant: (event: BridgeEvent) => boolean): Promise<BridgeEvent>;
  /** Another command with the same home. */
  command(...args: string[]): Promise<BridgeCommand>;
  /** A code in advance, and its completion as the page would do it; gives the token. */
  pair(origin: string, ...flags: string[]): Promise<string>;
  /** Raw, so that every header is what is written here: fetch would set or refuse some. */
  send(input: {
    method?: string;
    path: string;
    headers?: Record<string, string | string[]>;
    body?: unknown;
    host?: string;
  }): Promise<BridgeAnswer>;
  /** Its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

export type BridgeOptions = {
  /** The text of `bridge.yaml`; absent: none. */
  config?: string;
  env?: Record<string, string>;
  args?: string[];
  /** The built program and the Node that runs it, instead of the sources. */
  program?: { node: string; entry: string };
  /** An existing folder, which stays. */
  home?: string;
};

/** A bridge as its user starts it: a process of its own on a free port, with a home folder of its own. */
export async function startBridge(options: BridgeOptions = {}): Promise<RunningBridge> {
  const home = options.home ?? (await newHome());
  if (options.config !== undefined)
    await writeFile(join(home, "bridge.yaml"), options.config, { mode: 0o600 });
  const child = spawnBridge(options, home, ["start", "--port", "0", "--json", ...(options.args ?? [])]);
  const events: BridgeEvent[] = [];
  const listeners = new Set<() => void>();
  let output = "";
  let rest = "";
  child.stdout.on("data", (piece: Buffer) => {
    output += piece;
    rest += piece;
    const lines = rest.split("\n");
    rest = lines.pop()!;
    events.push(...lines.map((line) => JSON.parse(line) as BridgeEvent));
    for (const listener of listeners) listener();
  });
  child.stderr.on("data", (piece: Buffer) => {
    output += piece;
  });
  const exited = new Promise<number | null>((resolve) => {
    child.once("exit", (code) => {
      for (const listener of listeners) listener();
      resolve(code);
    });
  });
  const event: RunningBridge["event"] = (isMeant) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find(isMeant);
        if (found === undefined && child.exitCode === null) return;
        listeners.delete(look);
        if (found === undefined) reject(new Error(`the bridge ended:\n${output}`));
        else resolve(found);
      };
      listeners.add(look);
      look();
    });
  const { port } = await event((line) => line.event === "started");
  const send: RunningBridge["send"] = (input) => sendRaw(port, input);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    home,
    pid: child.pid!,
    output: () => output,
    events,
    event,
    command: (...args) => runBridge(options, home, args),
    async pair(origin, ...flags) {
      const made = await runBridge(options, home, ["pair", "--origin", origin, ...flags]);
      const code = /[B-Z2-7]{4}-[B-Z2-7]{4}/.exec(made.stdout.replace(origin, ""))?.[0];
      const answer = await send({
        method: "POST",
        path: "/pair/complete",
        headers: { origin },
        body: { code },
      });
      if (answer.status !== 201)
        throw new Error(`pairing failed: ${made.stdout}${made.stderr}${answer.text}`);
      return answer.body.token as string;
    },
    send,
    async stop(signal = "SIGTERM") {
      child.kill(signal);
      const code = await exited;
      if (options.home === undefined) await rm(home, { recursive: true, force: true });
      return code;
    },
  };
}

/** One command of the bridge, to its end. `during`: what is done with one that goes on until it is told to stop. */
export function runBridge(
  options: BridgeOptions,
  home: string,
  args: readonly string[],
  during?: (child: ChildProcess, output: () => string) => Promise<void>,
): Promise<BridgeCommand> {
  return new Promise((resolve, reject) => {
    const child = spawnBridge(options, home, args);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (piece) => {
      stdout += piece;
    });
    child.stderr.on("data", (piece) => {
      stderr += piece;
    });
    child.once("close", (code) => resolve({ code, stdout, stderr }));
    during?.(child, () => stdout).catch((error) => {
      child.kill("SIGKILL");
      reject(error);
    });
  });
}

export function newHome(): Promise<string> {
  return mkdtemp(join(tmpdir(), "mf-bridge-"));
}

function spawnBridge(options: BridgeOptions, home: string, args: readonly string[]) {
  const { node, entry } = options.program ?? {
    node: process.execPath,
    entry: join(root, "apps/bridge/src/main.ts"),
  };
  return spawn(node, [entry, ...args], {
    // Nothing of the test's own environment decides what the bridge does.
    env: { PATH: process.env.PATH, ...options.env, MODELFAUCET_BRIDGE_HOME: home },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function sendRaw(port: number, input: Parameters<RunningBridge["send"]>[0]): Promise<BridgeAnswer> {
  const body =
    input.body === undefined
      ? undefined
      : typeof input.body === "string"
        ? input.body
        : JSON.stringify(input.body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: input.host ?? "127.0.0.1",
        port,
        method: input.method ?? "GET",
        path: input.path,
        agent: false,
        setHost: input.headers?.host === undefined,
        headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...input.headers },
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (piece) => {
          text += piece;
        });
        answer.once("end", () =>
          resolve({ status: answer.statusCode!, headers: answer.headers, text, body: jsonOf(text) }),
        );
        answer.once("error", reject);
      },
    );
    sent.once("error", reject);
    sent.end(body);
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
