import { execFile } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type DebianPostgres, startDebianPostgres } from "@modelfaucet/testkit/debian-postgres.ts";
import { findNginx } from "@modelfaucet/testkit/ingress.ts";
import { freePorts } from "@modelfaucet/testkit/product.ts";
import { type StubUpstream, startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildImage } from "../../scripts/image-rehearsal-build.ts";
import { type Confined, createSandbox, type Sandbox } from "../../scripts/image-rehearsal-sandbox.ts";
import { hostedEnvironment, settleOneRequest, untilReady } from "../../scripts/image-rehearsal-traffic.ts";
import { type Places, placeUnits, readServices, type Unit } from "./one-vm-units.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const shippedUnits = join(root, "infra/one-vm/systemd");
const run = promisify(execFile);
const user = "10001:10001";

describe("the one-VM way", () => {
  let folder: string;
  let database: DebianPostgres;
  let stub: StubUpstream;
  let sandbox: Sandbox;
  let units: Record<string, Unit>;
  let hosted: Record<string, string>;
  let consolePort: number;
  const servers = new Map<string, Confined>();
  const path = (...parts: string[]): string => join(folder, ...parts);

  beforeAll(async () => {
    folder = mkdtempSync("/var/tmp/modelfaucet-vm-");
    chmodSync(folder, 0o755);
    [database, stub] = await Promise.all([startDebianPostgres(), startStubUpstream()]);
    const superuser = postgres(database.superuserUrl, { max: 1, onnotice: () => {} });
    await superuser`alter role mf_owner createdb`;
    await superuser.end();
    const image = await buildImage({
      dockerfile: "infra/docker/server.Dockerfile",
      target: "server",
      folder,
      node: process.execPath,
    });
    const home = join(image.root, "app");
    cpSync(join(root, "infra"), join(home, "infra"), { recursive: true });
    for (const name of ["etc", "state", "litellm/bin"]) mkdirSync(path(name), { recursive: true });
    const places: Places = {
      "/opt/modelfaucet-litellm": path("litellm"),
      "/opt/modelfaucet": home,
      "/etc/modelfaucet": path("etc"),
    };
    await writeConfiguration(home, join(image.root, "usr/local/bin"));
    placeUnits(shippedUnits, path("units"), places);
    units = readServices(path("units"), path("state"));
    sandbox = createSandbox({ folder, user, hosts: ["litellm"], writable: path("state") });
  });
  afterAll(async () => {
    for (const server of servers.values()) server.child.kill("SIGKILL");
    sandbox?.close();
    await stub?.close();
    await database?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What the documentation has the operator write. */
  async function writeConfiguration(home: string, nodeFolder: string): Promise<void> {
    const [api, gateway, worker, pages] = (await freePorts(4)) as [number, number, number, number];
    consolePort = pages;
    hosted = hostedEnvironment({
      databaseUrls: { runtime: database.runtimeUrl, owner: database.ownerUrl, reader: database.readUrl },
      litellmUrl: `http://litellm:${stub.port}`,
      ports: { api, gateway, worker },
    });
    const { DATABASE_MIGRATION_URL: owner, ...ofServers } = hosted;
    const shared = { PATH: `${nodeFolder}:/usr/bin:/bin`, MODELFAUCET_PARENT_PID: String(process.pid) };
    writeEnv("modelfaucet.env", { ...ofServers, ...shared });
    writeEnv("owner.env", { DATABASE_MIGRATION_URL: owner! });
    writeEnv("litellm.env", { LITELLM_MASTER_KEY: hosted.LITELLM_MASTER_KEY!, PATH: shared.PATH });
    mkdirSync(join(home, "apps/dashboard/dist/assets"), { recursive: true });
    writeFileSync(join(home, "apps/dashboard/dist/index.html"), "<!doctype html><title>console</title>");
    writeFileSync(join(home, "apps/dashboard/dist/assets/main-abc.js"), "console.log(1)");
    const pagesConfig = ["--app", "dashboard", "--root", join(home, "apps/dashboard/dist")];
    await run(
      process.execPath,
      [
        "scripts/pages-config.ts",
        ...pagesConfig,
        "--listen",
        `127.0.0.1:${pages}`,
        "--out",
        path("etc/console.conf"),
      ],
      { cwd: root, env: { VITE_MODELFAUCET_API_BASE_URL: "https://api.faucet-rehearsal.example" } },
    );
    // Stands in for LiteLLM's own program, which is another suite's: says what it was started with.
    writeFileSync(path("litellm/bin/litellm"), '#!/bin/sh\ncat "$8" && echo "started: $*"\n', {
      mode: 0o755,
    });
  }

  function writeEnv(name: string, values: Record<string, string>): void {
    const lines = Object.entries(values).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(path("etc", name), lines.join(""), { mode: 0o644 });
  }

  const start = (name: string): Confined => {
    const unit = units[name]!;
    return sandbox.start(unit.argv, unit.environment, unit.stateDirectory ?? "/");
  };
  const once = async (name: string): Promise<{ code: number | null; output: string }> => {
    const started = start(name);
    return { code: await started.ended, output: started.output() };
  };

  it("gives no service more than it needs", () => {
    const names = Object.keys(units).sort();
    expect(names).toEqual(
      ["api", "backup", "books", "console", "gateway", "litellm", "migrate", "restore-drill", "worker"].map(
        (name) => `modelfaucet-${name}`,
      ),
    );
    for (const name of ["gateway", "api", "worker", "litellm", "console"]) {
      expect(units[`modelfaucet-${name}`]!.environment.DATABASE_MIGRATION_URL).toBeUndefined();
    }
    expect(units["modelfaucet-console"]!.environment).toEqual({});
  });

  it("migrates, serves a paid request by three services, backs up, drills and checks its books", async () => {
    const migrated = await once("modelfaucet-migrate");
    expect(migrated).toMatchObject({ code: 0, output: expect.stringMatching(/migrations applied/) });
    expect(await once("modelfaucet-migrate")).toMatchObject({
      code: 0,
      output: expect.stringContaining("nothing to do"),
    });
    const { argv, environment } = units["modelfaucet-migrate"]!;
    const seeded = await sandbox.run([argv[0]!, "seed"], environment, "/");
    expect(seeded).toMatchObject({ code: 0 });

    for (const role of ["api", "gateway", "worker"]) servers.set(role, start(`modelfaucet-${role}`));
    const url = (role: string): string => `http://127.0.0.1:${hosted[`PORT_${role.toUpperCase()}`]}`;
    for (const [role, server] of servers) await untilReady([url(role)], server);
    const settled = await settleOneRequest(
      { api: url("api"), gateway: url("gateway") },
      { admin: hosted.ADMIN_TOKEN!, developer: hosted.DEVELOPER_ADMIN_TOKEN! },
    );
    expect(settled.chargeUsd).toMatch(/^0\.000\d+$/);

    const backup = await once("modelfaucet-backup");
    expect(backup).toMatchObject({ code: 0 });
    expect(readdirSync(path("state"))).toEqual([expect.stringMatching(/^\d{8}T\d{6}Z$/)]);
    const drill = await once("modelfaucet-restore-drill");
    expect(drill).toMatchObject({ code: 0 });
    expect(await once("modelfaucet-books")).toMatchObject({ code: 0 });

    for (const [role, server] of servers) {
      server.child.kill("SIGTERM");
      expect({ role, code: await server.ended }).toEqual({ role, code: 0 });
    }
  }, 120_000);

  it("keeps as many backups as it should, and nothing that it did not make is removed", async () => {
    for (const name of ["20200101T000000Z", "20200102T000000Z", "kept-by-hand"])
      mkdirSync(path("state", name));
    const unit = units["modelfaucet-backup"]!;
    const { code } = await sandbox.run(unit.argv, { ...unit.environment, BACKUPS_KEPT: "2" }, "/");
    expect(code).toBe(0);
    const left = readdirSync(path("state")).sort();
    expect(left).toHaveLength(3);
    expect(left).toContain("kept-by-hand");
    expect(left).not.toContain("20200102T000000Z");
  }, 60_000);

  it("starts LiteLLM on loopback with the shipped configuration", async () => {
    const { code, output } = await once("modelfaucet-litellm");
    expect(code).toBe(0);
    expect(output).toContain("model_name: auto-text");
    expect(output).toMatch(/started: --host 127\.0\.0\.1 --port 4000 --telemetry False --config /);
  });

  it("serves the console's pages: its own paths, its policy, nothing hidden", async () => {
    expect(findNginx()).not.toBeNull();
    const pages = start("modelfaucet-console");
    servers.set("console", pages);
    const base = `http://127.0.0.1:${consolePort}`;
    await expect
      .poll(
        () =>
          fetch(base).then(
            ({ status }) => status,
            () => pages.output(),
          ),
        { timeout: 10_000 },
      )
      .toBe(200);
    const deep = await fetch(`${base}/apps/crm/requests?x=1`);
    expect(await deep.text()).toContain("<title>console</title>");
    expect(deep.headers.get("cache-control")).toBe("no-cache");
    expect(deep.headers.get("content-security-policy")).toContain(
      "connect-src 'self' https://api.faucet-rehearsal.example",
    );
    const asset = await fetch(`${base}/assets/main-abc.js`);
    expect(asset.headers.get("cache-control")).toContain("immutable");
    expect((await fetch(`${base}/assets/missing.js`)).status).toBe(404);
    expect((await fetch(`${base}/.vite/manifest.json`)).status).toBe(404);
    pages.child.kill("SIGQUIT");
    expect(await pages.ended).toBe(0);
  });
});
