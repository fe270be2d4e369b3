import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Variable, variables } from "@modelfaucet/server/config/variables.ts";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { dockerfileFindings, litellmFindings } from "./compose-verify-images.ts";
import { composeFindings, requiredNames } from "./compose-verify-rules.ts";

const read = (file: string): string => readFileSync(join(import.meta.dirname, "..", file), "utf8");
const files = {
  hosted: read("infra/hosted/docker-compose.hosted.yml"),
  local: read("docker-compose.yml"),
} as const;

/** The shipped file with one thing changed; a change that changes nothing is a mistake of the test. */
function broken(text: string, what: string | RegExp, by: string): string {
  const changed = text.replace(what, by);
  if (changed === text) throw new Error(`nothing to break: ${what}`);
  return changed;
}

describe("the static rules of compose files", () => {
  it.each(["hosted", "local"] as const)("find nothing in the shipped one: %s", (kind) => {
    expect(composeFindings("x", files[kind], kind)).toEqual([]);
    expect(requiredNames(files[kind])).toEqual(
      expect.arrayContaining(["ADMIN_TOKEN", "SECRET_ENCRYPTION_KEY"]),
    );
    expect(requiredNames(files[kind])).not.toContain("NAME");
  });

  it.each([
    ["a tag that moves", "redis:8.0.3-alpine", "redis:latest", /redis takes the image redis:latest/],
    ["a tag of nothing", "redis:8.0.3-alpine", "redis", /redis takes the image redis;/],
    ["a tag of a line", "redis:8.0.3-alpine", "redis:8", /redis takes the image/],
    ["a floating default", "MODELFAUCET_VERSION:-0.1.0", "MODELFAUCET_VERSION:-latest", /takes the image/],
    ["root", 'user: "999:1000"', 'user: "0:0"', /redis does not say a numeric user/],
    ["a name of a user", 'user: "10001:10001"', "user: node", /does not say a numeric user/],
    ["a writable root", "read_only: true", "read_only: false", /can be written/],
    ["capabilities", "cap_drop: [ALL]", "cap_drop: [CHOWN]", /keeps capabilities/],
    ["new privileges", "no-new-privileges:true", "no-new-privileges:false", /gain privileges/],
    [
      "no limits",
      'limits: { cpus: "2", memory: 1G, pids: 256 }',
      "limits: { pids: 256 }",
      /gateway has no limit/,
    ],
    [
      "a secret written down",
      /ADMIN_TOKEN: \$\{ADMIN_TOKEN:\?[^}]*\}/,
      "ADMIN_TOKEN: abc",
      /writes ADMIN_TOKEN down/,
    ],
    ["a secret with a default", "${ADMIN_TOKEN:?", "${ADMIN_TOKEN:-", /writes ADMIN_TOKEN down/],
    ["a password in an address", "redis://redis:6379", "redis://:secret@redis:6379", /writes REDIS_URL down/],
    [
      "a shell",
      'command: ["serve", "--roles", "api"]',
      "command: serve --roles api",
      /api has a command for a shell/,
    ],
    [
      "a shell in a probe",
      '["CMD", "redis-cli", "ping"]',
      '["CMD-SHELL", "redis-cli ping"]',
      /redis has no health/,
    ],
    ["a probe that pays", "/health/liveliness", "/health", /litellm is probed/],
    ["no waiting", "service_completed_successfully", "service_started", /does not wait for migrate/],
    ["a job that restarts", 'restart: "no"', "restart: always", /migrate is a job and must run once/],
    [
      "a database for LiteLLM",
      "    environment:\n      LITELLM_MASTER_KEY",
      "    environment:\n      DATABASE_URL:\n      LITELLM_MASTER_KEY",
      /litellm has a database/,
    ],
    [
      "a token for pages",
      "args:\n        VITE_MODELFAUCET_API_BASE_URL",
      "args:\n        VITE_MODELFAUCET_DEVELOPER_TOKEN: x\n        VITE_MODELFAUCET_API_BASE_URL",
      /gives VITE_MODELFAUCET_DEVELOPER_TOKEN to pages/,
    ],
    [
      "a published Redis",
      "    networks: [core]",
      "    networks: [core]\n    ports: ['127.0.0.1:6379:6379']",
      /redis publishes a port/,
    ],
    [
      "an open port",
      `127.0.0.1:\${HOSTED_API_PORT:-3001}`,
      `\${HOSTED_API_PORT:-3001}`,
      /api is not published/,
    ],
    ["a core with a way out", "internal: true", "internal: false", /no internal network core/],
    [
      "a Redis with a way out",
      "networks: [core]\n",
      "networks: [core, edge]\n",
      /redis can reach the world through edge/,
    ],
    ["a dashboard with a way out", "networks: [pages]", "networks: [edge]", /dashboard can reach the world/],
    ["a gateway without one", "networks: [edge, core]", "networks: [core]", /has no way out/],
    ["a volume", "networks:\n  # To", "volumes:\n  data:\nnetworks:\n  # To", /has volumes/],
    ["development", "NODE_ENV: production", "NODE_ENV: development", /does not run in production/],
    [
      "no internal host",
      "HOSTED_INTERNAL_HOSTS: litellm",
      "HOSTED_INTERNAL_HOSTS: '*'",
      /HOSTED_INTERNAL_HOSTS/,
    ],
    ["a database", "services:\n", "services:\n  postgres:\n    image: postgres:18.4\n", /has the services/],
    ["a key in a comment", "services:\n", "# sk-abcdefghijklmnopqrstuvwx\nservices:\n", /key of a provider/],
  ])("find in the hosted one %s", (_, what, by, message) => {
    const found = composeFindings("x", broken(files.hosted, what, by), "hosted");
    expect(found.map((finding) => finding.message)).toEqual(
      expect.arrayContaining([expect.stringMatching(message)]),
    );
    for (const { line } of found) expect(line).toBeGreaterThan(0);
  });

  it.each([
    ["a port for the neighbourhood", "127.0.0.1:5432:5432", "5432:5432", /postgres is not published on 127/],
    ["another name", "container_name: modelfaucet-api", "container_name: api", /api is not called/],
    [
      "a password written down",
      `mf_owner:\${POSTGRES_OWNER_PASSWORD:?see docs/compose.md}`,
      "mf_owner:secret",
      /DATABASE_MIGRATION_URL/,
    ],
    [
      "a password of PostgreSQL",
      /POSTGRES_PASSWORD: \$\{POSTGRES_PASSWORD:\?[^}]*\}/,
      "POSTGRES_PASSWORD: x",
      /POSTGRES_PASSWORD down/,
    ],
  ])("find in the local one %s", (_, what, by, message) => {
    const found = composeFindings("x", broken(files.local, what, by), "local");
    expect(found.map((finding) => finding.message)).toEqual(
      expect.arrayContaining([expect.stringMatching(message)]),
    );
  });
});

it("every variable that a server reads reaches it in the hosted compose, or is settled by the image", () => {
  // Fixed by the image and the published ports, or Node's and LiteLLM's own switches, which hosted rules refuse.
  const settled =
    /^(BIND_ADDRESS|PORT_(API|GATEWAY|WORKER)|GATEWAY_BASE_URL|NODE_OPTIONS|NODE_TLS_REJECT_UNAUTHORIZED|LITELLM_LOG|OTEL_SERVICE_NAME)$/;
  const { services } = parse(files.hosted, { merge: true }) as {
    services: Record<string, { environment: Record<string, unknown> }>;
  };
  for (const role of ["gateway", "api", "worker"] as const) {
    const read = Object.entries(variables as Record<string, Variable>)
      .filter(([name, variable]) => variable.for.includes(role) && !settled.test(name))
      .map(([name]) => name);
    expect(read.filter((name) => !(name in services[role]!.environment))).toEqual([]);
  }
});

describe("the static rules of images", () => {
  const server = read("infra/docker/server.Dockerfile");
  it.each(["server", "dashboard", "crm-demo", "litellm"])("find nothing in the shipped one: %s", (name) => {
    expect(dockerfileFindings("x", read(`infra/docker/${name}.Dockerfile`))).toEqual([]);
  });
  it.each([
    [
      "a moving base",
      "FROM node:26.10.0-bookworm-slim AS server",
      "FROM node:lts AS server",
      /begins with node:lts/,
    ],
    ["root", "USER 10001:10001", "USER root", /server runs as root/],
    ["a shell", 'CMD ["serve"]', "CMD serve", /CMD is for a shell/],
    [
      "a shell in the probe",
      'CMD ["modelfaucet", "healthcheck"]',
      "CMD modelfaucet healthcheck",
      /HEALTHCHECK is for/,
    ],
    ["no probe", /^HEALTHCHECK .*$/gm, "", /server has no health check/],
    ["a baked secret", "ENV NODE_ENV=production", "ENV ADMIN_TOKEN=x", /bakes ADMIN_TOKEN/],
    ["the whole context", "COPY patches patches", "COPY . .", /copies the whole context/],
    ["what nobody understands", "WORKDIR /app", "ONBUILD RUN x", /ONBUILD is not understood/],
  ])("find %s", (_, what, by, message) => {
    const found = dockerfileFindings("x", broken(server, what, by));
    expect(found.map((finding) => finding.message)).toEqual(
      expect.arrayContaining([expect.stringMatching(message)]),
    );
  });
  it.each([
    ["another model", "model_name: auto-text", "model_name: other", /must offer auto-text/],
    ["content", "turn_off_message_logging: true", "turn_off_message_logging: false", /logs content/],
    ["paid probes", "background_health_checks: false", "background_health_checks: true", /may call models/],
    ["a key", "os.environ/LITELLM_MASTER_KEY", "abc", /writes its key down/],
  ])("find in LiteLLM's configuration %s", (_, what, by, message) => {
    for (const file of ["infra/litellm/config.yaml", "infra/litellm/config.local.yaml"]) {
      expect(litellmFindings(file, read(file))).toEqual([]);
      const found = litellmFindings("x", broken(read(file), what, by));
      expect(found.map((finding) => finding.message)).toEqual([expect.stringMatching(message)]);
    }
  });
});

describe("the workflow that builds and starts the images", () => {
  const text = read(".github/workflows/images.yml");
  const workflow = parse(text) as {
    permissions: unknown;
    jobs: Record<string, { "timeout-minutes"?: number; steps: { uses?: string; run?: string }[] }>;
  };
  it("takes actions by their commit, and may only read", () => {
    const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
    const used = steps.flatMap(({ uses }) => (uses ? [uses] : []));
    expect(used.length).toBeGreaterThan(0);
    for (const action of used) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/);
    expect(workflow.permissions).toEqual({ contents: "read" });
    for (const job of Object.values(workflow.jobs)) expect(job["timeout-minutes"]).toBeGreaterThan(0);
  });
  it("builds every image with bill of materials and provenance, and gives each name that is asked for", () => {
    for (const name of ["server", "simulated-provider", "dashboard", "crm-demo", "litellm"])
      expect(text).toContain(`build modelfaucet-${name} `);
    expect(text).toContain("--sbom=true --provenance=mode=max");
    for (const name of [...requiredNames(files.hosted), ...requiredNames(files.local)])
      expect(text).toMatch(new RegExp(`\\b${name}\\b`));
    // The version of LiteLLM is its image's tag.
    const version = /litellm\[proxy\]==([\d.]+)/.exec(read("infra/docker/litellm.Dockerfile"))![1];
    for (const place of [files.hosted, files.local])
      expect(place).toContain(`modelfaucet-litellm:${version}`);
  });
});
