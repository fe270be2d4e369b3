// `pnpm image:rehearse`: where no Docker engine is at hand, carries out the server image's own build and start steps in a
// clean folder, as an unprivileged user on read-only files, and has it serve a paid request on an external PostgreSQL.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deleteDataFolder } from "@modelfaucet/platform/data-folder.ts";
import { startPostgres } from "@modelfaucet/platform/postgres.ts";
import { freePorts } from "@modelfaucet/testkit/product.ts";
import { startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { type BuiltImage, buildImage } from "./image-rehearsal-build.ts";
import { createSandbox, type Sandbox } from "./image-rehearsal-sandbox.ts";
import { hostedEnvironment, settleOneRequest, untilReady } from "./image-rehearsal-traffic.ts";

const usage = `usage: pnpm image:rehearse [--json] [--keep]
Carries out infra/docker/server.Dockerfile on this machine and serves a settled request from what it has built: the
database is the embedded PostgreSQL in a temporary folder, LiteLLM a stub. Needs Linux and root. --keep leaves the folder.`;

export type RehearsalDatabase = { runtime: string; owner: string; reader: string };
export type RehearsalStep = { step: string; ms: number };

/** Rehearses on an empty database. @throws Error naming the step that did not hold */
export async function rehearseImage(
  databaseUrls: RehearsalDatabase,
  tell: (step: RehearsalStep) => void,
  keep = false,
): Promise<void> {
  // Not in /tmp, which is empty inside; and where every user may enter.
  const folder = mkdtempSync("/var/tmp/modelfaucet-image-");
  chmodSync(folder, 0o755);
  const stub = await startStubUpstream();
  let sandbox: Sandbox | undefined;
  const timed = async <T>(step: (result: T) => string, work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const result = await work();
    tell({ step: step(result), ms: Math.round(performance.now() - startedAt) });
    return result;
  };
  try {
    const image = await timed(
      ({ leftOut }) => `image built by the steps of server.Dockerfile, without ${leftOut.join(", ")}`,
      () => buildImage({ dockerfile, target: "server", folder, node: process.execPath }),
    );
    sandbox = createSandbox({ folder, user: image.user, hosts: ["litellm"] });
    const [api, gateway, worker] = (await freePorts(3)) as [number, number, number];
    const environment = {
      ...environmentOf(image),
      MODELFAUCET_PARENT_PID: String(process.pid),
      ...hostedEnvironment({
        databaseUrls,
        litellmUrl: `http://litellm:${stub.port}`,
        ports: { api, gateway, worker },
      }),
    };
    await rehearseStart({ image, sandbox, environment, timed });
  } finally {
    sandbox?.close();
    await stub.close();
    if (!keep) rmSync(folder, { recursive: true, force: true });
    else console.error(`kept: ${folder}`);
  }
}

const dockerfile = "infra/docker/server.Dockerfile";

type Start = {
  image: BuiltImage;
  sandbox: Sandbox;
  environment: Record<string, string>;
  timed<T>(step: (result: T) => string, work: () => Promise<T>): Promise<T>;
};

async function rehearseStart({ image, sandbox, environment, timed }: Start): Promise<void> {
  const workdir = join(image.root, image.workdir);
  const words = (argv: readonly string[]): string[] => [
    join(image.root, "usr/local/bin", argv[0]!),
    ...argv.slice(1),
  ];
  const command = async (...args: string[]): Promise<string> => {
    const { code, output } = await sandbox.run(words([...image.entrypoint, ...args]), environment, workdir);
    if (code !== 0)
      throw new Error(`${[...image.entrypoint, ...args].join(" ")} ended with ${code}: ${output}`);
    return output;
  };
  const probe = async (): Promise<number | null> =>
    (await sandbox.run(words(image.probe), environment, workdir)).code;
  await timed(
    () => (sandbox.isReadOnly ? "nothing but /tmp can be written" : "its own files cannot be written"),
    () => refuseWrites(image, sandbox, environment),
  );
  await timed(
    () => "migrate",
    () => command("migrate"),
  );
  await timed(
    () => "seed",
    () => command("seed"),
  );
  const urls = {
    api: `http://127.0.0.1:${environment.PORT_API}`,
    gateway: `http://127.0.0.1:${environment.PORT_GATEWAY}`,
  };
  const server = sandbox.start(words([...image.entrypoint, ...image.command]), environment, workdir);
  try {
    await timed(
      () => `ready as user ${image.user}, probe content`,
      async () => {
        await untilReady([urls.api, urls.gateway, `http://127.0.0.1:${environment.PORT_WORKER}`], server);
        if ((await probe()) !== 0) throw new Error("the probe is not content with servers that are ready");
      },
    );
    await timed(
      ({ requestId, chargeUsd }) => `${requestId} settled at ${chargeUsd} USD`,
      () =>
        settleOneRequest(urls, {
          admin: environment.ADMIN_TOKEN!,
          developer: environment.DEVELOPER_ADMIN_TOKEN!,
        }),
    );
    await timed(
      () => "books agree",
      () => command("books"),
    );
    await timed(
      () => "SIGTERM: exit 0, and the probe says so",
      async () => {
        server.child.kill("SIGTERM");
        const code = await server.ended;
        if (code !== 0) throw new Error(`the servers ended with ${code}: ${server.output().slice(-2_000)}`);
        if ((await probe()) !== 1) throw new Error("the probe is content without servers");
      },
    );
  } finally {
    server.child.kill("SIGKILL");
  }
}

/** Tries what somebody would who got into the process. */
async function refuseWrites(
  image: BuiltImage,
  sandbox: Sandbox,
  environment: Record<string, string>,
): Promise<void> {
  const workdir = join(image.root, image.workdir);
  const program = `
    const { appendFileSync, writeFileSync } = require("node:fs");
    const refused = (path, write) => { try { write(path, "x"); return false; } catch { return true; } };
    const code = ${JSON.stringify([join(workdir, "apps/server/src/main.ts"), join(workdir, "package.json")])};
    const places = ${JSON.stringify([workdir, ...(sandbox.isReadOnly ? ["/var/tmp", "/etc"] : [])])};
    writeFileSync("/tmp/may", "x");
    process.exit(code.every((path) => refused(path, appendFileSync)) &&
      places.every((path) => refused(path + "/new", writeFileSync)) && process.getuid() !== 0 ? 0 : 1);`;
  const node = join(image.root, "usr/local/bin/node");
  const { code, output } = await sandbox.run([node, "--eval", program], environment, workdir);
  if (code !== 0) throw new Error(`what should be read-only can be written: ${output}`);
}

function environmentOf(image: BuiltImage): Record<string, string> {
  return { PATH: `${join(image.root, "usr/local/bin")}:/usr/local/bin:/usr/bin:/bin`, ...image.environment };
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { json: { type: "boolean" }, keep: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const say = values.json ? console.error : console.log;
  const dataDir = mkdtempSync(join(tmpdir(), "modelfaucet-rehearsal-"));
  chmodSync(dataDir, 0o755);
  const postgres = await startPostgres({ dataDir, durable: false });
  const steps: RehearsalStep[] = [];
  let failed: string | null = null;
  try {
    const urls = { runtime: "mf_runtime", owner: "mf_owner", reader: "mf_read" } as const;
    await rehearseImage(
      {
        runtime: postgres.url(urls.runtime),
        owner: postgres.url(urls.owner),
        reader: postgres.url(urls.reader),
      },
      (step) => {
        steps.push(step);
        say(`PASS  ${step.step}  ${step.ms} ms`);
      },
      values.keep,
    );
  } catch (error) {
    failed = (error as Error).message;
    say(`FAIL  ${failed}`);
  } finally {
    await postgres.stop();
    deleteDataFolder(dataDir);
    rmSync(dataDir, { recursive: true, force: true });
  }
  if (values.json) console.log(JSON.stringify({ ok: failed === null, steps, failed }));
  return failed === null ? 0 : 1;
}

if (import.meta.main) process.exit(await main(process.argv.slice(2).filter((arg) => arg !== "--")));
