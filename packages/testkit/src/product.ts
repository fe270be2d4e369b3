// The whole product as its users meet it: real processes on a database of their own, a scriptable upstream, HTTP.
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { createTestDatabase, type PostgresServer, type TestDatabase } from "./database.ts";
import { secretsWritten } from "./planted-secrets.ts";
import { type StubUpstream, startStubUpstream } from "./stub-upstream/stub-upstream.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const serverEntry = "apps/server/src/main.ts";

export type ServerProcess = {
  readonly url: string;
  readonly child: ChildProcess;
  /** Everything that it wrote so far: logs, and what it told its operator. */
  output(): string;
  /** Ends it with a signal and waits until it has gone; gives its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
};

// biome-ignore lint/suspicious/noExplicitAny: tests reach into answers field by field; a missing one fails them.
export type Json = any;
export type HttpAnswer = { status: number; headers: Headers; body: Json; text: string };

export type Product = {
  readonly api: string;
  readonly worker: string;
  /** Base URLs with `/v1`, one per gateway process. */
  readonly gateways: readonly string[];
  readonly gatewayProcesses: ServerProcess[];
  readonly control: ServerProcess;
  readonly stub: StubUpstream;
  readonly database: TestDatabase;
  /** A superuser's connection, which row security does not bind. */
  readonly sql: postgres.Sql;
  readonly adminToken: string;
  readonly developerAdminToken: string;
  /** A call of the control API; `token` null sends none. */
  call(
    method: string,
    path: string,
    body?: unknown,
    options?: { token?: string | null; headers?: Record<string, string> },
  ): Promise<HttpAnswer>;
  admin(method: string, path: string, body?: unknown): Promise<HttpAnswer>;
  developer(method: string, path: string, body?: unknown): Promise<HttpAnswer>;
  /** Starts one more gateway on the same database. */
  addGateway(env?: Record<string, string>): Promise<ServerProcess>;
  /** Starts one more API on the same database; it ends with the product. */
  addApi(): Promise<ServerProcess>;
  /** Ends everything. @throws when one of its processes has written a secret */
  stop(): Promise<void>;
};

export type ProductOptions = {
  postgres: PostgresServer;
  /** How many gateway processes; they are apart from the process of API and worker. */
  gateways?: number;
  /** Further variables of all processes; a function is told the product's own database, and its upstream. */
  env?: Record<string, string> | ((database: TestDatabase, stub: StubUpstream) => Record<string, string>);
  /** Further variables of the gateways alone, such as failpoints. */
  gatewayEnv?: Record<string, string>;
};

export const testSecrets = {
  SECRET_ENCRYPTION_KEY: "b7mQ2xV9tKc4wLr8ZpYs3uHd6nJf1aGe5TiRoBXk",
  ADMIN_TOKEN: "adm_Wq8ZrT5vKxN2mYc7LpJh4sDf9bGt",
  DEVELOPER_ADMIN_TOKEN: "dev_Hs3VnB6kTzQ9wXe2RjMy5cLp8uFa",
};

export async function startProduct(options: ProductOptions): Promise<Product> {
  const database = await createTestDatabase(options.postgres);
  const stub = await startStubUpstream();
  const sql = postgres(database.superuserUrl, { max: 3, onnotice: () => {} });
  const common: Record<string, string> = {
    ...testSecrets,
    NODE_ENV: "test",
    LOG_LEVEL: "info",
    DATABASE_URL: database.runtimeUrl,
    DATABASE_MIGRATION_URL: database.ownerUrl,
    DATABASE_READONLY_URL: database.readUrl,
    TEST_CREDIT_MAX_USD: "1000.00",
    SWITCH_POLL_MS: "100",
    SHUTDOWN_GRACE_MS: "3000",
    PROVIDER_RETRY_DELAY_MS: "20",
    // A stub fails more often in a row than any provider that is worth asking again.
    CIRCUIT_FAILURES: "1000000",
    // One credential of a test calls more often in a minute than any real one.
    API_RATE_LIMIT_MAX_REQUESTS: "0",
    GATEWAY_RATE_LIMIT_MAX_REQUESTS: "0",
    ...(typeof options.env === "function" ? options.env(database, stub) : options.env),
  };
  const [apiPort, workerPort] = await freePorts(2);
  const control = await startServer("api,worker", `http://127.0.0.1:${apiPort}`, {
    ...common,
    PORT_API: String(apiPort),
    PORT_WORKER: String(workerPort),
  });
  const gatewayProcesses: ServerProcess[] = [];
  const addGateway = async (env: Record<string, string> = {}): Promise<ServerProcess> => {
    const started = await onFreePort((port) =>
      startServer("gateway", `http://127.0.0.1:${port}`, {
        ...common,
        PORT_GATEWAY: String(port),
        ...options.gatewayEnv,
        ...env,
      }),
    );
    gatewayProcesses.push(started);
    return started;
  };
  const otherApis: ServerProcess[] = [];
  const addApi = async (): Promise<ServerProcess> => {
    const started = await onFreePort((port) =>
      startServer("api", `http://127.0.0.1:${port}`, { ...common, PORT_API: String(port) }),
    );
    otherApis.push(started);
    return started;
  };
  await Promise.all(Array.from({ length: options.gateways ?? 1 }, () => addGateway()));
  const call: Product["call"] = (
    method,
    path,
    body,
    { token = testSecrets.ADMIN_TOKEN, headers = {} } = {},
  ) =>
    send(`${control.url}${path}`, method, body, {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    });
  return {
    api: control.url,
    worker: `http://127.0.0.1:${workerPort}`,
    get gateways() {
      return gatewayProcesses.map(({ url }) => `${url}/v1`);
    },
    gatewayProcesses,
    control,
    stub,
    database,
    sql,
    adminToken: testSecrets.ADMIN_TOKEN,
    developerAdminToken: testSecrets.DEVELOPER_ADMIN_TOKEN,
    call,
    admin: (method, path, body) => call(method, path, body),
    developer: (method, path, body) => call(method, path, body, { token: testSecrets.DEVELOPER_ADMIN_TOKEN }),
    addGateway,
    addApi,
    stop: async () => {
      await Promise.all([control, ...gatewayProcesses, ...otherApis].map((server) => server.end("SIGTERM")));
      await stub.close();
      await sql.end({ timeout: 2 });
      await database.drop();
      refusePlanted([control, ...gatewayProcesses, ...otherApis], { ...common, ...options.gatewayEnv });
    },
  };
}

/** Whatever a test did: no secret stands in what its servers wrote. @throws naming them */
function refusePlanted(servers: readonly ServerProcess[], environment: Record<string, string>): void {
  const names = new Set(servers.flatMap((server) => secretsWritten(server.output(), environment)));
  if (names.size > 0) throw new Error(`servers wrote ${[...names].join(", ")} into their output`);
}

/** One HTTP exchange with a JSON body; `body` of the answer is parsed where it is JSON. */
export async function send(
  url: string,
  method: string,
  body: unknown,
  headers: Record<string, string>,
  signal?: AbortSignal,
): Promise<HttpAnswer> {
  const answer = await fetch(url, {
    method,
    headers: { ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
    redirect: "manual",
  });
  const text = await answer.text();
  let parsed: unknown = text;
  try {
    parsed = JSON.parse(text);
  } catch {
    // Not JSON: the text is the body.
  }
  return { status: answer.status, headers: answer.headers, body: parsed, text };
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** A free port may be taken before it is listened on: then another one is tried. */
async function onFreePort(start: (port: number) => Promise<ServerProcess>): Promise<ServerProcess> {
  for (let tries = 1; ; tries++) {
    const [port] = await freePorts(1);
    try {
      return await start(port!);
    } catch (error) {
      if (tries === 3 || !String(error).includes("EADDRINUSE")) throw error;
    }
  }
}

const startWithinMs = 30_000;
const endWithinMs = 15_000;

async function startServer(roles: string, url: string, env: Record<string, string>): Promise<ServerProcess> {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", serverEntry, "serve", "--roles", roles],
    {
      cwd: root,
      env: { PATH: process.env.PATH ?? "", MODELFAUCET_PARENT_PID: String(process.pid), ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  const keep = (text: Buffer): void => {
    output += text.toString("utf8");
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const gone = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const deadline = performance.now() + startWithinMs;
  // Its own word first: another run's server may have taken the port in between, and would answer for it.
  while (!output.includes(" listens on ") || !(await isReady(url))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill("SIGKILL");
      throw new Error(`the server (${roles}) did not start:\n${output.slice(-4_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return {
    url,
    child,
    output: () => output,
    end: async (signal) => {
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), endWithinMs);
      const code = await gone;
      clearTimeout(timer);
      return code;
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/ready`)).ok;
  } catch {
    return false;
  }
}
