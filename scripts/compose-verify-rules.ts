// What both compose files must be, by reading them alone. Nothing is started and nothing is asked over the network.
import { isSecretName, secretShapes } from "@modelfaucet/server/config/secrets.ts";
import { LineCounter, parseDocument } from "yaml";

export type Finding = { readonly file: string; readonly line: number; readonly message: string };
export type ComposeKind = "hosted" | "local";

type Service = {
  image?: string;
  user?: string;
  read_only?: boolean;
  privileged?: boolean;
  restart?: string;
  container_name?: string;
  command?: unknown;
  entrypoint?: unknown;
  environment?: Record<string, unknown> | unknown[];
  build?: { args?: Record<string, unknown> };
  healthcheck?: { disable?: boolean; test?: unknown };
  depends_on?: Record<string, { condition?: string }>;
  ports?: unknown[];
  networks?: unknown[];
  volumes?: unknown[];
  cap_drop?: string[];
  cap_add?: unknown;
  security_opt?: string[];
  network_mode?: string;
  pid?: string;
  deploy?: { resources?: { limits?: { cpus?: unknown; memory?: unknown } } };
};
type Compose = {
  services: Record<string, Service>;
  networks?: Record<string, { internal?: boolean; driver_opts?: Record<string, string> } | null>;
  volumes?: Record<string, unknown>;
};

const wanted: Record<ComposeKind, readonly string[]> = {
  hosted: ["api", "dashboard", "gateway", "litellm", "migrate", "redis", "worker"],
  local: [
    ...["api", "crm-demo", "dashboard", "gateway", "litellm", "migrate", "postgres", "redis", "seed"],
    ...["simulated-provider", "worker"],
  ],
};
const localPorts: Record<string, string> = {
  postgres: "5432",
  redis: "6379",
  litellm: "4000",
  "simulated-provider": "4010",
  api: "3001",
  gateway: "3002",
  worker: "3003",
  dashboard: "5173",
  "crm-demo": "5174",
};
const hostedPorts: Record<string, string> = {
  api: "HOSTED_API_PORT",
  gateway: "HOSTED_GATEWAY_PORT",
  dashboard: "HOSTED_DASHBOARD_PORT",
};
const serverRoles = ["api", "gateway", "worker"];
const jobs = ["migrate", "seed"];
/** Who may open connections to the world; `migrate` because the database lies there. */
const mayGoOut = ["api", "gateway", "litellm", "migrate", "worker"];

/** Every breach of the static rules in one compose file. A file that is no YAML is one finding. */
export function composeFindings(file: string, text: string, kind: ComposeKind): Finding[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { merge: true, lineCounter: lines });
  const [broken] = document.errors;
  if (broken)
    return [{ file, line: lines.linePos(broken.pos[0]).line, message: `is no YAML: ${broken.code}` }];
  const compose = document.toJS() as Compose;
  const lineOf = (service?: string): number => {
    const text_ = service === undefined ? /^services:/ : new RegExp(`^ {2}${service}:`);
    return Math.max(1, text.split("\n").findIndex((line) => text_.test(line)) + 1);
  };
  const names = Object.keys(compose.services ?? {}).sort();
  const whole = [
    ...(String(names) === String(wanted[kind])
      ? []
      : [`has the services ${names.join(", ")}; it must have ${wanted[kind].join(", ")}`]),
    ...(kind === "hosted" ? hostedFindings(compose) : []),
    ...secretLiterals(text),
  ];
  return [
    ...whole.map((message) => ({ file, line: lineOf(), message })),
    ...names.flatMap((name) =>
      serviceFindings(name, compose.services[name]!, kind, compose).map((message) => ({
        file,
        line: lineOf(name),
        message: `${name} ${message}`,
      })),
    ),
  ];
}

/** The names that a compose file cannot be rendered without. */
export function requiredNames(text: string): string[] {
  const said = text.replaceAll(/^\s*#.*$/gm, "");
  return [...new Set([...said.matchAll(/\$\{([A-Z0-9_]+):\?/g)].map((match) => match[1]!))].sort();
}

function hostedFindings(compose: Compose): string[] {
  const found: string[] = [];
  if (Object.keys(compose.volumes ?? {}).length > 0)
    found.push("has volumes; nothing of a customer lies on this host");
  if (compose.networks?.core?.internal !== true) found.push("has no internal network core");
  if (compose.networks?.edge === undefined || compose.networks.edge?.internal)
    found.push("has no network edge with a way out");
  return found;
}

function serviceFindings(name: string, service: Service, kind: ComposeKind, compose: Compose): string[] {
  return [
    ...imageFindings(service),
    ...confinement(service),
    ...environmentFindings(name, service),
    ...startFindings(name, service),
    ...(kind === "hosted" ? hostedService(name, service, compose) : localService(name, service)),
  ];
}

function imageFindings({ image = "" }: Service): string[] {
  const tag = image.replace(/^.*\/|^/, "").split(":")[1] ?? "";
  const pinned = tag.replace(/^\$\{MODELFAUCET_VERSION:-([^}]*)\}$/, "$1");
  if (/@sha256:[0-9a-f]{64}$/.test(image)) return [];
  const version = image.includes("${MODELFAUCET_VERSION:-")
    ? /\$\{MODELFAUCET_VERSION:-(\d+\.\d+\.\d+)\}$/.test(image)
    : /^\d+\.\d+(\.\d+)?(-[a-z0-9.-]+)?$/.test(pinned);
  return version ? [] : [`takes the image ${image || "(none)"}; its tag must be one exact version`];
}

function confinement(service: Service): string[] {
  const found: string[] = [];
  const user = service.user ?? "";
  if (!/^[1-9]\d*:[1-9]\d*$/.test(user)) found.push("does not say a numeric user and group other than root");
  if (service.read_only !== true) found.push("has a root file system that can be written");
  if (!service.cap_drop?.includes("ALL") || service.cap_add) found.push("keeps capabilities");
  if (!service.security_opt?.includes("no-new-privileges:true")) found.push("may gain privileges");
  if (service.privileged || service.pid === "host" || service.network_mode === "host")
    found.push("shares the host");
  const { cpus, memory } = service.deploy?.resources?.limits ?? {};
  if (!cpus || !memory) found.push("has no limit of CPU and memory");
  if (service.volumes?.some((volume) => JSON.stringify(volume).includes("docker.sock")))
    found.push("holds the socket of the engine");
  return found;
}

function environmentFindings(name: string, service: Service): string[] {
  if (Array.isArray(service.environment)) return ["lists its environment; write it as names with values"];
  const found: string[] = [];
  for (const [key, value] of Object.entries(service.environment ?? {})) {
    // Without a value it is passed on where it is set: nothing is written down.
    if (!isSecretName(key) || value === null) continue;
    const text = String(value);
    const isRequired = /^\$\{[A-Z0-9_]+:\?[^}]+\}$/.test(text);
    const userInfo = /^[a-z]+:\/\/([^@]*)@/.exec(text)?.[1];
    const isUrlWithRequired = userInfo !== undefined && /^[a-z_]+:\$\{[A-Z0-9_]+:\?[^}]+\}$/.test(userInfo);
    const isPlainAddress =
      key.endsWith("_URL") && userInfo === undefined && /^[a-z]+:\/\/[a-z0-9.:-]+$/.test(text);
    if (!isRequired && !isUrlWithRequired && !isPlainAddress)
      found.push(`writes ${key} down; a secret stands as \${NAME:?why} or comes without a value`);
  }
  const publicNames = Object.keys({ ...service.environment, ...service.build?.args }).filter((key) =>
    /^(VITE|NEXT_PUBLIC|REACT_APP|EXPO_PUBLIC|NUXT_PUBLIC|PLASMO_PUBLIC|WXT)_/.test(key),
  );
  const allowed =
    name === "dashboard"
      ? ["VITE_MODELFAUCET_API_BASE_URL"]
      : name === "crm-demo"
        ? [
            "VITE_MODELFAUCET_API_BASE_URL",
            "VITE_MODELFAUCET_GATEWAY_BASE_URL",
            "VITE_MODELFAUCET_PUBLIC_APP_ID",
          ]
        : [];
  const foreign = publicNames.filter((key) => !allowed.includes(key));
  if (foreign.length > 0) found.push(`gives ${foreign.join(", ")} to pages`);
  if (name === "dashboard" && !publicNames.includes(allowed[0]!))
    found.push(`is built without ${allowed[0]}`);
  return found;
}

function startFindings(name: string, service: Service): string[] {
  const found: string[] = [];
  for (const form of ["command", "entrypoint"] as const)
    if (service[form] !== undefined && !Array.isArray(service[form])) found.push(`has a ${form} for a shell`);
  const oneShot = service.restart === "no";
  const test = service.healthcheck?.test;
  if (!oneShot && !(Array.isArray(test) && test[0] === "CMD"))
    found.push("has no health check without a shell");
  if (name === "litellm" && !/\/health\/liveliness/.test(JSON.stringify(test ?? "")))
    found.push("is probed by something other than /health/liveliness, which asks no model");
  if (
    serverRoles.includes(name) &&
    service.depends_on?.migrate?.condition !== "service_completed_successfully"
  )
    found.push("does not wait for migrate");
  if (oneShot !== jobs.includes(name))
    found.push(oneShot ? "runs once, but is no job" : "is a job and must run once");
  if (name === "litellm" && Object.keys(service.environment ?? {}).some((key) => key.includes("DATABASE")))
    found.push("has a database; it keeps its own or none, never ours");
  return found;
}

function hostedService(name: string, service: Service, compose: Compose): string[] {
  const found: string[] = [];
  const environment = (service.environment ?? {}) as Record<string, unknown>;
  if (/postgres|mysql|mariadb|mongo/.test(service.image ?? ""))
    found.push("is a database; the operator's is outside");
  if ((service.volumes ?? []).length > 0) found.push("has a volume");
  const port = hostedPorts[name];
  const ports = (service.ports ?? []).map(String);
  if (port === undefined && ports.length > 0) found.push("publishes a port");
  if (port !== undefined && !(ports.length === 1 && ports[0]!.startsWith(`127.0.0.1:\${${port}:-`)))
    found.push(`is not published on \${${port}}, for the ingress of this host alone`);
  const waysOut = (service.networks ?? []).map(String).filter((network) => {
    const options = compose.networks?.[network];
    return (
      !options?.internal &&
      options?.driver_opts?.["com.docker.network.bridge.enable_ip_masquerade"] !== "false"
    );
  });
  if (!service.networks) found.push("names no network");
  if (waysOut.length > 0 && !mayGoOut.includes(name)) found.push(`can reach the world through ${waysOut}`);
  if (waysOut.length === 0 && mayGoOut.includes(name)) found.push("has no way out");
  if ([...serverRoles, "migrate"].includes(name)) {
    if (environment.NODE_ENV !== "production") found.push("does not run in production");
    if (environment.HOSTED_INTERNAL_HOSTS !== "litellm")
      found.push("does not set HOSTED_INTERNAL_HOSTS=litellm");
  }
  return found;
}

function localService(name: string, service: Service): string[] {
  const found: string[] = [];
  if (service.container_name !== `modelfaucet-${name}`) found.push(`is not called modelfaucet-${name}`);
  const ports = (service.ports ?? []).map(String);
  const wantedPort = localPorts[name];
  if (wantedPort ? ports.length !== 1 || !ports[0]!.startsWith(`127.0.0.1:${wantedPort}:`) : ports.length > 0)
    found.push(wantedPort ? `is not published on 127.0.0.1:${wantedPort}` : "publishes a port");
  return found;
}

function secretLiterals(text: string): string[] {
  return secretShapes
    .filter(({ form }) => text.search(form) >= 0)
    .map(({ kind }) => `holds what looks like a ${kind}`);
}
