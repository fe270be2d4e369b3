// The whole platform on this machine, in order: database, schema, seed, simulated provider, servers, page.
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  endedSentence,
  type Program,
  type RunningProgram,
  runProgram,
  serverProgram,
  startProgram,
} from "./children.ts";
import { type DevEnv, loadDevEnv } from "./dev-env.ts";
import { Failure } from "./failure.ts";
import { buildPage, crmDemo, dashboard, type Page, pageDevServer, pageServer } from "./page.ts";
import { requireFree } from "./ports.ts";
import { type RunningPostgres, startPostgres } from "./postgres.ts";
import { restartOnChange } from "./restart-on-change.ts";
import { portWishes, type Settings, type Urls, urlsOf } from "./settings.ts";
import { makeSignInLinks, type SignInLinks } from "./sign-in-links.ts";
import { removeState, writeState } from "./state-file.ts";

export type PlatformOptions = {
  readonly dataDir: string;
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  /** Reload on change, readable logs on this terminal. */
  readonly watch: boolean;
  /** Told about each slow step, one short phrase. */
  readonly log: (step: string) => void;
};

export type RunningPlatform = {
  readonly urls: Urls;
  readonly secrets: DevEnv;
  readonly postgres: RunningPostgres | null;
  /** To the console; `null`: no page, or no demo tenant. */
  readonly signInLinks: SignInLinks | null;
  /** Resolves with one sentence when something ends by itself that should run. */
  readonly broken: Promise<string>;
};

/** Programs get this long after SIGTERM, the database what is left of the 5 s that Ctrl-C may take. */
const programStopMs = 3300;
const postgresStopMs = 1200;
const shutdownGraceMs = 3000;
const readyWithinMs = 60_000;

/**
 * Starts and stops the platform. The caller holds the data folder's lock. `stop` may be called at any moment, also in the
 * middle of `start`, and ends everything within 5 s.
 */
export class Platform {
  readonly #options: PlatformOptions;
  readonly #programs = new Set<RunningProgram>();
  readonly #broken = Promise.withResolvers<string>();
  #postgres: RunningPostgres | null = null;
  #stopped: Promise<void> | null = null;

  constructor(options: PlatformOptions) {
    this.#options = options;
  }

  /** Resolves when every part answers that it is ready. @throws Failure with one sentence. */
  async start(): Promise<RunningPlatform> {
    const { dataDir, settings } = this.#options;
    await requireFree(portWishes(settings.ports), settings.bindAddress);
    const urls = urlsOf(settings.ports);
    const secrets = loadDevEnv(dataDir, this.#options.env);
    const env = await this.#environment(urls, secrets);

    const pages = Promise.all([
      this.#preparePage(dashboard, urls.dashboard, settings.ports.dashboard, urls, env),
      this.#preparePage(crmDemo, urls.crmDemo, settings.ports.crmDemo, urls, env),
    ]);
    // Told below; until then a failure of a page must not count as unhandled.
    pages.catch(() => {});
    this.#options.log("migrating the database");
    await this.#run(serverProgram(["migrate"], env, this.#logFile("server")));
    await this.#run(serverProgram(["seed"], env, this.#logFile("server")));
    const links = urls.dashboard === null ? null : makeSignInLinks(env);
    await Promise.all([this.#startServers(urls, env), pages]);
    const signInLinks = await links;

    const postgres = this.#postgres;
    writeState(dataDir, {
      pid: process.pid,
      urls,
      ports: settings.ports,
      postgresPort: postgres?.port ?? null,
      startedAt: new Date().toISOString(),
    });
    return { urls, secrets, postgres, signInLinks, broken: this.#broken.promise };
  }

  /** Ends every process: servers, provider and page together, the database last. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    removeState(this.#options.dataDir);
    await Promise.all([...this.#programs].map((program) => program.stop(programStopMs)));
    await this.#postgres?.stop(postgresStopMs);
  }

  // What every server gets. The environment decides; what it leaves open, the platform fills in.
  async #environment(urls: Urls, secrets: DevEnv): Promise<NodeJS.ProcessEnv> {
    const { settings, env, watch } = this.#options;
    const origins = pageOrigins([settings.ports.dashboard, settings.ports.crmDemo]);
    return {
      // `undefined` stands for "not set".
      ...(origins.length > 0
        ? { API_CORS_ORIGINS: origins.join(), GATEWAY_CORS_ORIGINS: origins.join() }
        : {}),
      ...(urls.dashboard === null ? {} : { DASHBOARD_PUBLIC_BASE_URL: urls.dashboard }),
      ...env,
      ...(await this.#database()),
      ...secrets,
      ...Object.fromEntries(portWishes(settings.ports).map(({ variable, port }) => [variable, String(port)])),
      BIND_ADDRESS: settings.bindAddress,
      GATEWAY_BASE_URL: urls.gateway,
      SHUTDOWN_GRACE_MS: String(shutdownGraceMs),
      ...(watch ? { LOG_FORMAT: env.LOG_FORMAT || "pretty" } : {}),
    };
  }

  async #database(): Promise<NodeJS.ProcessEnv> {
    const { settings, dataDir, log } = this.#options;
    if (settings.databaseUrl !== null) return { DATABASE_URL: settings.databaseUrl };
    log("starting PostgreSQL 18");
    const postgres = await startPostgres({ dataDir, log });
    this.#postgres = postgres;
    if (this.#stopped) {
      await postgres.stop();
      throw new Failure("Stopped.");
    }
    void postgres.exited.then(() =>
      this.#reportBroken(
        `PostgreSQL has ended by itself: read ${join(dataDir, "logs", "postgres.log")} and start again.`,
      ),
    );
    return databaseVariables(postgres);
  }

  async #preparePage(
    page: Page,
    url: string | null,
    port: number | null,
    urls: Urls,
    env: NodeJS.ProcessEnv,
  ): Promise<void> {
    const { dataDir, watch, log } = this.#options;
    if (port === null || url === null) return;
    // Only what a browser build may know.
    const options = { dataDir, urls, port, env: withoutSecrets(env) };
    if (!watch) await buildPage(page, options, log, (running) => this.#keep(running));
    const server = this.#start(watch ? pageDevServer(page, options) : pageServer(page, options));
    await untilAnswer(url, server, (answer) => answer.ok);
  }

  async #startServers(urls: Urls, env: NodeJS.ProcessEnv): Promise<void> {
    const { watch, log } = this.#options;
    if (urls.simulatedProvider !== null) {
      log("starting the simulated provider");
      const provider = this.#start(
        serverProgram(["simulated-provider"], env, this.#logFile("simulated-provider")),
      );
      await untilAnswer(new URL("/health", urls.simulatedProvider).href, provider, () => true);
    }
    log("starting API, gateway and worker");
    const program = serverProgram(
      ["serve", "--roles", "gateway,api,worker"],
      env,
      watch ? null : this.#logFile("server"),
    );
    const server = watch ? this.#startWatched(program) : this.#start(program);
    for (const base of [urls.api, urls.gateway, urls.worker]) {
      await untilAnswer(new URL("/ready", base).href, server, (answer) => answer.ok);
    }
  }

  #startWatched(program: Program): RunningProgram {
    const running = restartOnChange(program, this.#options.log);
    this.#keep(running);
    return running;
  }

  #start(program: Program): RunningProgram {
    if (this.#stopped) throw new Failure("Stopped.");
    const running = startProgram(program);
    this.#keep(running);
    void running.exited.then((exit) => this.#reportBroken(endedSentence(running, exit)));
    return running;
  }

  async #run(program: Program): Promise<void> {
    if (this.#stopped) throw new Failure("Stopped.");
    await runProgram(program, (running) => this.#keep(running));
  }

  #keep(running: RunningProgram): void {
    this.#programs.add(running);
    void running.exited.then(() => this.#programs.delete(running));
  }

  #reportBroken(sentence: string): void {
    if (!this.#stopped) this.#broken.resolve(sentence);
  }

  #logFile(name: string): string {
    return join(this.#options.dataDir, "logs", `${name}.log`);
  }
}

/** The three roles of the embedded database, as the servers and commands read them. */
export function databaseVariables(postgres: Pick<RunningPostgres, "url">): NodeJS.ProcessEnv {
  return {
    DATABASE_URL: postgres.url("mf_runtime"),
    DATABASE_MIGRATION_URL: postgres.url("mf_owner"),
    DATABASE_READONLY_URL: postgres.url("mf_read"),
  };
}

function pageOrigins(ports: readonly (number | null)[]): string[] {
  return ports
    .filter((port) => port !== null)
    .flatMap((port) => [`http://127.0.0.1:${port}`, `http://localhost:${port}`]);
}

function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const wanted = ["PATH", "HOME", "TMPDIR", "LANG", "TERM", "VITE_MODELFAUCET_BRIDGE_URL"];
  return Object.fromEntries(wanted.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}

/** Asks again and again until the answer is good. @throws Failure when the program ends, or after 60 s. */
async function untilAnswer(
  url: string,
  program: RunningProgram,
  isGood: (answer: Response) => boolean,
): Promise<void> {
  let ended: string | null = null;
  void program.exited.then((exit) => {
    ended = endedSentence(program, exit);
  });
  const deadline = Date.now() + readyWithinMs;
  while (Date.now() < deadline) {
    if (ended !== null) throw new Failure(ended);
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
      await answer.body?.cancel();
      if (isGood(answer)) return;
    } catch {
      // Not listening yet.
    }
    await delay(25);
  }
  throw new Failure(
    `\`${program.name}\` is not ready after ${readyWithinMs / 1000} s (${url}): read ${program.logFile ?? "its output"} and start again.`,
  );
}
