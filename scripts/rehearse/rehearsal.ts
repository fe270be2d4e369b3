// One hosted deployment on this machine, from its empty environment to its end. Steps fill in what later ones need.
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Ingress } from "@modelfaucet/testkit/ingress.ts";
import { freePorts } from "@modelfaucet/testkit/product.ts";
import postgres from "postgres";
import { hostedEnvironment, type Pilot, preparePilot, untilReady } from "../image-rehearsal-traffic.ts";
import { Operator, type Running } from "./operator.ts";
import { openIngress, type Stage, startStage } from "./stage.ts";
import { promise, until } from "./steps.ts";
import { type Clients, publicAsk, type Sent } from "./traffic.ts";

export type RehearsalOptions = {
  folder: string;
  withLitellm: boolean;
  /** How long the database is away. */
  outageMs: number;
};

type Environment = Record<string, string>;
export type Role = "api" | "worker" | "gateway-1" | "gateway-2";

export class Rehearsal {
  readonly options: RehearsalOptions;
  readonly folder: string;
  /** All streams of the whole rehearsal. */
  readonly sent: Sent[] = [];
  readonly servers = new Map<Role, Running>();
  stage!: Stage;
  ingress!: Ingress;
  operator!: Operator;
  pilot!: Pilot;
  clients!: Clients;
  /** A superuser's connection, which row security does not bind. */
  sql!: postgres.Sql;
  readonly #ports = new Map<Role, number>();
  readonly #closings: (() => Promise<void> | void)[] = [];
  #environment: Environment = {};

  constructor(options: RehearsalOptions) {
    this.options = options;
    this.folder = options.folder;
  }

  async openStage(): Promise<string> {
    const masterKey = `sk-${randomBytes(30).toString("base64url")}`;
    const closing = (work: () => Promise<void> | void): void => {
      this.#closings.push(work);
    };
    const { withLitellm } = this.options;
    this.stage = await startStage(this.folder, masterKey, { withLitellm, closing });
    const { database, names, redis, litellmUrl, says } = this.stage;
    const roles: Role[] = ["api", "worker", "gateway-1", "gateway-2"];
    for (const [index, port] of (await freePorts(roles.length)).entries())
      this.#ports.set(roles[index]!, port);
    const [api, worker, ...gateways] = [...this.#ports.values()] as [number, number, number, number];
    this.ingress = await openIngress({ gateways, api }, closing);
    this.operator = new Operator(names, this.folder);
    closing(() => this.operator.close());
    this.sql = postgres(database.url("postgres"), { max: 2, onnotice: () => {} });
    closing(() => this.sql.end({ timeout: 2 }));
    const { origin } = new URL(this.ingress.console);
    this.#environment = {
      ...hostedEnvironment({
        databaseUrls: { runtime: database.runtimeUrl, owner: database.ownerUrl, reader: database.readUrl },
        litellmUrl,
        ports: { api, gateway: gateways[0]!, worker },
      }),
      LITELLM_MASTER_KEY: masterKey,
      API_PUBLIC_BASE_URL: this.ingress.api,
      GATEWAY_PUBLIC_BASE_URL: this.ingress.gateway,
      DASHBOARD_PUBLIC_BASE_URL: this.ingress.console,
      API_CORS_ORIGINS: origin,
      GATEWAY_CORS_ORIGINS: origin,
      REDIS_URL: redis.url,
      TRUSTED_PROXY_CIDRS: "127.0.0.0/8",
      // The shortest that is allowed, so that what a killed gateway left is soon recovered.
      HOLD_TTL_SECONDS: "5",
      SETTLE_WAIT_MS: "1000",
      // A killed instance counts for a while beside its successor, and all of them fit into a hundred connections.
      DATABASE_POOL_MAX: "12",
    };
    return says;
  }

  /** What the operator's commands are given. */
  get environment(): Environment {
    return this.#environment;
  }

  /** What the servers are given: the owner's login is not theirs. */
  get #serverEnvironment(): Environment {
    const { DATABASE_MIGRATION_URL: _, ...rest } = this.#environment;
    return rest;
  }

  /** As the operator's file holds it. */
  writeEnvironment(name: string, environment: Environment = this.#environment): string {
    const file = join(this.folder, name);
    const lines = Object.entries(environment).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(file, lines.join(""), { mode: 0o600 });
    return file;
  }

  url(role: Role): string {
    return `http://127.0.0.1:${this.#ports.get(role)}`;
  }

  async startServer(role: Role): Promise<void> {
    const [kind] = role.split("-") as [string];
    const running = this.operator.start(role, ["serve", "--roles", kind], {
      ...this.#serverEnvironment,
      [`PORT_${kind.toUpperCase()}`]: String(this.#ports.get(role)),
    });
    this.servers.set(role, running);
    await untilReady([this.url(role)], running);
  }

  /** Every server with another environment, one after the other: a gateway and what stands beside it at a time. */
  async redeploy(changes: Environment): Promise<void> {
    this.#environment = { ...this.#environment, ...changes };
    const inTurn: Role[][] = [
      ["gateway-1", "worker"],
      ["gateway-2", "api"],
    ];
    for (const roles of inTurn) await Promise.all(roles.map((role) => this.#restart(role)));
  }

  async #restart(role: Role): Promise<void> {
    const { child, ended, output } = this.servers.get(role)!;
    child.kill("SIGTERM");
    const code = await ended;
    promise(code === 0, `${role} ended with ${code}:\n${output().slice(-2_000)}`);
    await this.startServer(role);
  }

  /** The first customer: a developer, an app, users with money. */
  async openPilot(users: number): Promise<void> {
    const { ADMIN_TOKEN, DEVELOPER_ADMIN_TOKEN } = this.#environment;
    const { ask, close } = publicAsk(this.ingress);
    this.#closings.push(close);
    this.pilot = await preparePilot(
      this.ingress.api,
      { admin: ADMIN_TOKEN!, developer: DEVELOPER_ADMIN_TOKEN! },
      { ask },
    );
    const sessions = await Promise.all(
      Array.from({ length: users }, (_, user) => this.pilot.openSession(`user-${user}`)),
    );
    this.clients = { ask, gateway: this.ingress.gateway, tokens: sessions.map(({ token }) => token) };
  }

  async untilNothingIsOpen(withinMs: number): Promise<void> {
    await until(
      "every hold is settled or released",
      async () => {
        const [row] = await this.sql<{ open: number; held: string }[]>`
          select (select count(*) from holds)::int as open, (select coalesce(sum(held_usd), 0) from accounts)::text as held`;
        return row!.open === 0 && Number.parseFloat(row!.held) === 0;
      },
      withinMs,
    );
  }

  /** Signals every server, and gives how each ended. @throws Error where one did not end by itself */
  async drain(): Promise<void> {
    const running = [...this.servers.entries()];
    for (const [, { child }] of running) child.kill("SIGTERM");
    for (const [role, { ended, output }] of running) {
      const code = await ended;
      promise(code === 0, `${role} ended with ${code}:\n${output().slice(-2_000)}`);
    }
  }

  /** In the order opposite to that in which things were started. */
  async close(): Promise<void> {
    for (const work of this.#closings.splice(0).reverse()) {
      try {
        await work();
      } catch (error) {
        console.error(`cleaning up: ${(error as Error).message}`);
      }
    }
  }
}
