// The shipped ingress as it is, started before servers of a test: Debian's nginx, TLS by a CA of its own, free ports.
import { execFile, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePorts } from "./product.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const run = promisify(execFile);

/** Where the reference configuration lies, relative to the repository. */
export const ingressConfig = "infra/hosted/nginx.conf";

export type IngressNames = { gateway: string; api: string; console: string };

export type IngressOptions = {
  /** Base URLs of the gateways, with or without `/v1`; several are one upstream. */
  gateways: readonly string[];
  api: string;
  /** Without one, nothing answers behind the console's name. */
  console?: string;
  /**
   * Host names of the base URLs, in the certificate too; whoever gives some sees to it that they resolve to 127.0.0.1.
   * Without them the base URLs say 127.0.0.1, which every certificate here names.
   */
  names?: IngressNames;
  /** `expired` ended yesterday; `other_name` is good for a host that nobody asks for. */
  certificate?: "good" | "expired" | "other_name";
  /** Breaks the rendered configuration on purpose. */
  edit?: (config: string) => string;
};

export type Ingress = {
  /** With `/v1`. */
  readonly gateway: string;
  readonly api: string;
  readonly console: string;
  /** `http://` of the same host: it redirects. */
  readonly plain: string;
  /** The CA's certificate as PEM, and the file that holds it, for `NODE_EXTRA_CA_CERTS`. */
  readonly ca: string;
  readonly caFile: string;
  /** What nginx wrote to its error and access logs so far. */
  log(): string;
  stop(): Promise<void>;
};

/** Path of nginx, `null` where there is none (Debian: package `nginx-light`). */
export function findNginx(): string | null {
  return ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/opt/homebrew/bin/nginx"].find(existsSync) ?? null;
}

/** Starts nginx with the shipped configuration; resolves when it accepts connections. @throws Error what nginx says */
export async function startIngress(options: IngressOptions): Promise<Ingress> {
  const nginx = findNginx();
  if (nginx === null) throw new Error("there is no nginx here: install the package nginx-light");
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-ingress-"));
  // Its workers are another user.
  chmodSync(folder, 0o755);
  const certificate = await makeCertificate(folder, options);
  const ports = (await freePorts(5)) as [number, number, number, number, number];
  const config = renderIngress({ ...options, folder, ports });
  writeFileSync(join(folder, "nginx.conf"), options.edit?.(config) ?? config);
  const child = spawn(
    nginx,
    ["-e", join(folder, "error.log"), "-c", join(folder, "nginx.conf"), "-g", "daemon off;"],
    {
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), endWithinMs);
    await gone;
    clearTimeout(timer);
    rmSync(folder, { recursive: true, force: true });
  };
  const [plainPort, , gatewayPort, apiPort, consolePort] = ports;
  const deadline = performance.now() + startWithinMs;
  while (!(await answers(`http://127.0.0.1:${plainPort}/`))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      const log = said + readLog(folder);
      await stop();
      throw new Error(`nginx did not start:\n${log.slice(-4_000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const host = (name: keyof IngressNames): string => options.names?.[name] ?? "127.0.0.1";
  return {
    gateway: `https://${host("gateway")}:${gatewayPort}/v1`,
    api: `https://${host("api")}:${apiPort}`,
    console: `https://${host("console")}:${consolePort}`,
    plain: `http://127.0.0.1:${plainPort}`,
    ...certificate,
    log: () => said + readLog(folder),
    stop,
  };
}

const startWithinMs = 10_000;
const endWithinMs = 5_000;

type Place = IngressOptions & {
  folder: string;
  /** Plain, unknown names, gateway, API, console: in the order of the configuration's servers. */
  ports: readonly [number, number, number, number, number];
};

/** The shipped text with this machine's ports, files and upstreams in it. @throws Error when the text has changed its form */
export function renderIngress({ folder, ports, gateways, api, console, names }: Place): string {
  const shipped = readFileSync(join(root, ingressConfig), "utf8");
  const address = (url: string): string => new URL(url).host;
  const replaced = replaceAll(shipped, [
    [/^user www-data;$/m, ""],
    ["pid /run/nginx.pid;", `pid ${folder}/nginx.pid;`],
    ["/etc/nginx/tls/fullchain.pem", `${folder}/server.pem`],
    ["/etc/nginx/tls/privkey.pem", `${folder}/server.key`],
    ["/var/log/nginx/error.log", `${folder}/error.log`],
    ["/var/log/nginx/modelfaucet.log", `${folder}/access.log`],
    ["worker_processes auto;", "worker_processes 1;"],
    [/^worker_rlimit_nofile .*$/m, ""],
    ["worker_connections 16384;", "worker_connections 4096;"],
    ["http {\n", `http {\n${temporaryPaths(folder)}`],
    [
      "    server 127.0.0.1:3002 max_fails=1 fail_timeout=1s;\n",
      gateways.map((url) => `    server ${address(url)} max_fails=1 fail_timeout=1s;\n`).join(""),
    ],
    ["server 127.0.0.1:3001 ", `server ${address(api)} `],
    ["server 127.0.0.1:5173;", `server ${console ? address(console) : "127.0.0.1:9"};`],
    ...(names
      ? ([
          ["server_name gateway.example.com;", `server_name ${names.gateway};`],
          ["server_name api.example.com;", `server_name ${names.api};`],
          ["server_name console.example.com;", `server_name ${names.console};`],
          ['    console.example.com "";', `    ${names.console} "";`],
        ] as [string, string][])
      : []),
  ]);
  const [head, ...servers] = replaced.split("\n  server {\n");
  if (servers.length !== ports.length)
    throw new Error(`${ingressConfig} has ${servers.length} servers, not ${ports.length}`);
  const placed = servers.map((server, index) =>
    replaceAll(server, [
      [/^ {4}listen \[::\]:.*\n/m, ""],
      [/^ {4}listen (80|443)\b/m, `    listen 127.0.0.1:${ports[index]}`],
    ]),
  );
  return [head, ...placed].join("\n  server {\n");
}

function replaceAll(text: string, changes: readonly [what: string | RegExp, by: string][]): string {
  return changes.reduce((changed, [what, by]) => {
    if (changed.search(typeof what === "string" ? escaped(what) : what) < 0) {
      throw new Error(`${ingressConfig} no longer says ${what}`);
    }
    return changed.replace(what, () => by);
  }, text);
}

function escaped(text: string): RegExp {
  return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
}

/** Debian's folders belong to root. */
function temporaryPaths(folder: string): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `  ${name}_temp_path ${folder}/${name};\n`)
    .join("");
}

async function makeCertificate(
  folder: string,
  { names, certificate = "good" }: IngressOptions,
): Promise<{ ca: string; caFile: string }> {
  const hosts = certificate === "other_name" ? ["somewhere-else.example"] : Object.values(names ?? {});
  const alternatives = [
    ...hosts.map((name) => `DNS:${name}`),
    ...(certificate === "other_name" ? [] : ["IP:127.0.0.1"]),
  ];
  writeFileSync(
    join(folder, "server.ext"),
    `subjectAltName=${alternatives.join()}\nextendedKeyUsage=serverAuth\n`,
  );
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder, timeout: 10_000 });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=ModelFaucet test CA",
    "-days",
    "2",
  );
  await openssl(
    "req",
    ...key,
    "-keyout",
    "server.key",
    "-out",
    "server.csr",
    "-subj",
    "/CN=ModelFaucet test",
  );
  await openssl(
    ...[
      "x509",
      "-req",
      "-in",
      "server.csr",
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-out",
      "server.pem",
    ],
    ...["-extfile", "server.ext", "-days", certificate === "expired" ? "-1" : "2"],
  );
  const caFile = join(folder, "ca.pem");
  return { ca: readFileSync(caFile, "utf8"), caFile };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { redirect: "manual" })).status > 0;
  } catch {
    return false;
  }
}

function readLog(folder: string): string {
  return ["error.log", "access.log"]
    .map((name) => join(folder, name))
    .filter(existsSync)
    .map((path) => readFileSync(path, "utf8"))
    .join("");
}
