// A transaction pooler before the tests' PostgreSQL: Debian's PgBouncer, as strict as it comes.
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "./product.ts";

const pgbouncer = "/usr/sbin/pgbouncer";
const startWithinMs = 10_000;

export type Pooler = {
  /** The same login and database, through the pooler. */
  through(url: string): string;
  stop(): Promise<void>;
};

/** Starts PgBouncer before the server of `url`. @throws Error when there is none, with the package's name */
export async function startPooler(url: string): Promise<Pooler> {
  if (!existsSync(pgbouncer))
    throw new Error(`${pgbouncer} is missing: install the package \`pgbouncer\` to run these tests`);
  const { hostname, port, username, password } = new URL(url);
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-pooler-"));
  chmodSync(folder, 0o777);
  const [listens] = await freePorts(1);
  writeFileSync(join(folder, "users.txt"), `"${username}" "${password}"\n`, { mode: 0o644 });
  writeFileSync(
    join(folder, "pgbouncer.ini"),
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listens}
unix_socket_dir =
auth_type = plain
auth_file = ${folder}/users.txt
pool_mode = transaction
default_pool_size = 10
server_reset_query_always = 1
`,
    { mode: 0o644 },
  );
  // It refuses to run as root.
  const asUser = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = spawn(pgbouncer, [...asUser, join(folder, "pgbouncer.ini")], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => {
      log = (log + text.toString("utf8")).slice(-20_000);
    });
  await untilListening(child, listens!, () => log);
  return {
    through: (direct) => {
      const changed = new URL(direct);
      changed.port = String(listens);
      return changed.toString();
    },
    stop: async () => {
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilListening(child: ChildProcess, port: number, log: () => string): Promise<void> {
  const deadline = performance.now() + startWithinMs;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`the pooler did not start:\n${log()}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
