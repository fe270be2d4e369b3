// The console's routes on a real server, and a browser to call them: what comes with an answer goes with the next call.
import { Writable } from "node:stream";
import { developerScopes, operatorScopes } from "@modelfaucet/contract/scopes.ts";
import type { PostgresServer } from "@modelfaucet/testkit/database.ts";
import { withoutCredentialRate } from "@modelfaucet/testkit/rates.ts";
import { nothingOff } from "@modelfaucet/testkit/switches.ts";
import { linkForDeveloper, linkForOperator } from "../../flows/console-links.ts";
import { createDeveloperToken } from "../../flows/developer-tokens.ts";
import { bootstrapCaller, openTestbed, testActor } from "../../flows/open-session-testbed.ts";
import { createBodyMemory } from "../../lib/body-memory.ts";
import { createHttpServer } from "../../lib/http.ts";
import { createLog } from "../../lib/log.ts";
import { createMetrics } from "../../lib/metrics.ts";
import { zeroUsd } from "../../lib/money.ts";
import {
  createBootstrapCredentials,
  createConsoleSessions,
  createMissLimiter,
} from "../../modules/identity/identity.ts";
import { createAuthenticator } from "../authenticate.ts";
import { createConsoleDoor, originsOfConsole } from "../console-door.ts";
import { mountRoutes } from "../harness.ts";
import { adminDeveloperRoutes } from "./admin-developers.ts";
import { adminMeRoutes } from "./admin-me.ts";
import { consoleRoutes } from "./console.ts";
import { developerAccountRoutes } from "./developer-account.ts";
import { developerAppRoutes } from "./developer-apps.ts";

export const adminToken = "an-admin-token-of-the-console-tests";
export const developerAdminToken = "a-developer-admin-token-of-console-tests";

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the wire said.
export type Answer = { status: number; headers: Headers; body: any };
type Sent = { origin?: string | null; csrf?: string | null; token?: string; cookie?: string };

export type ConsoleBed = Awaited<ReturnType<typeof openConsole>>;

/** `https`: as behind TLS, where the cookie has its protected name. */
export async function openConsole(server: PostgresServer, options: { https?: boolean } = {}) {
  const bed = await openTestbed(server);
  const { database, developerTokens, sessions } = bed;
  const metrics = createMetrics({ version: "1", schema: "1" });
  const dashboardUrl = options.https ? "https://console.example.com" : "http://127.0.0.1:5173";
  const origins = originsOfConsole(dashboardUrl, options.https === true);
  // The credentials change when a test turns them.
  const credentials = { adminTokens: [adminToken], developerAdminTokens: [developerAdminToken] };
  const bootstrap = {
    match: (token: string) => createBootstrapCredentials(credentials).match(token),
    holds: (...of: ["operator" | "developer", string]) =>
      createBootstrapCredentials(credentials).holds(...of),
  };
  let written = "";
  const http = createHttpServer({
    service: "@modelfaucet/api",
    log: createLog({
      level: "info",
      format: "json",
      service: "t",
      instance: "1",
      version: "1",
      destination: new Writable({
        write: (chunk, _encoding, done) => {
          written += chunk;
          done();
        },
      }),
    }),
    metrics,
    cors: { origins: [], credentialsOrigins: origins, isAppOrigin: (origin) => origin === foreignOrigin },
    trustedProxyCidrs: ["127.0.0.1/32"],
    readiness: async () => ({}),
    monitoring: { token: null, allowedCidrs: [], isOperatorToken: () => false },
  });
  const console = createConsoleDoor({
    apiUrl: options.https ? "https://api.example.com" : "http://127.0.0.1:3001",
    origins,
    sessions: createConsoleSessions({
      database,
      misses: createMissLimiter(() => performance.now()),
      bootstrap,
    }),
    switches: nothingOff,
  });
  const deps = {
    ...bed.deps,
    console,
    metrics,
    developerTokens,
    operatorTokens: bed.operatorTokens,
    bootstrap,
    dashboardUrl,
    gatewayBaseUrl: "http://127.0.0.1:3002/v1",
    supportUrl: "http://127.0.0.1:5173/support",
    developerMoney: async (_tx: unknown, ids: readonly string[]) =>
      new Map(ids.map((id) => [id, { balanceUsd: zeroUsd, payableUsd: zeroUsd, debtUsd: zeroUsd }])),
    onError: (error: unknown) => {
      throw error;
    },
  };
  const mounted = [
    ...consoleRoutes(deps),
    ...adminMeRoutes(deps),
    ...adminDeveloperRoutes(deps),
    ...developerAccountRoutes(deps),
    ...developerAppRoutes(deps),
  ];
  mountRoutes(
    http,
    mounted,
    mounted.map(({ route }) => route),
    {
      authenticate: createAuthenticator({
        switches: nothingOff,
        sessions,
        developerTokens,
        operatorTokens: bed.operatorTokens,
        bootstrap,
        nowMs: bed.feed.now,
      }),
      database,
      bodyMemory: createBodyMemory(1e7),
      bodyLimitBytes: 1e6,
      console,
      metrics,
      checkAnswers: true,
      ...withoutCredentialRate,
    },
  );
  const base = await http.app.listen({ host: "127.0.0.1", port: 0 });
  let addresses = 0;

  /** A browser with an address of its own, on a page of the console unless a call says otherwise. */
  function browser() {
    addresses += 1;
    const address = `203.0.113.${addresses}`;
    const jar = { cookie: null as string | null, csrf: null as string | null };
    const call = async (method: string, path: string, body?: unknown, sent: Sent = {}): Promise<Answer> => {
      const origin = sent.origin === undefined ? origins[0]! : sent.origin;
      const cookie = sent.cookie ?? jar.cookie;
      const csrf = sent.csrf === undefined ? jar.csrf : sent.csrf;
      const response = await fetch(base + path, {
        method,
        headers: {
          "x-forwarded-for": address,
          ...(origin === null ? {} : { origin }),
          ...(cookie === null ? {} : { cookie }),
          ...(csrf === null || method === "GET" ? {} : { "x-csrf-token": csrf }),
          ...(sent.token === undefined ? {} : { authorization: `Bearer ${sent.token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer: Answer = {
        status: response.status,
        headers: response.headers,
        body: await response.json(),
      };
      const set = response.headers.get("set-cookie");
      if (set !== null) jar.cookie = set.split(";")[0]!;
      if (answer.body.csrf_token) jar.csrf = answer.body.csrf_token;
      return answer;
    };
    const signIn = (code: string, sent?: Sent) => call("POST", "/v1/console/sign-in", { code }, sent);
    const exchange = (token: string) => call("POST", "/v1/console/token-exchange", { token });
    return { jar, call, signIn, exchange, me: () => call("GET", "/v1/console/session") };
  }

  const linkDeps = { database, dashboardUrl, allScopes: operatorScopes };
  return {
    bed,
    base,
    origins,
    credentials,
    browser,
    /** Everything that was logged. */
    logged: () => written,
    /** The code of a new link, and the link. */
    operatorCode: async (email: string) => codeOf((await linkForOperator(linkDeps, testActor, email)).url),
    developerCode: async (email: string) => codeOf((await linkForDeveloper(linkDeps, testActor, email)).url),
    developerToken: (developerId: string, change: { scopes?: string[]; publicAppIds?: string[] } = {}) =>
      createDeveloperToken(bed.deps, bootstrapCaller, testActor, {
        name: "a token",
        developerId,
        scopes: [...developerScopes],
        ...change,
      }),
    /** A browser that is signed in by a new link. */
    developerBrowser: async (email: string) => {
      const tab = browser();
      await expectIn(tab.signIn(codeOf((await linkForDeveloper(linkDeps, testActor, email)).url)));
      return tab;
    },
    operatorBrowser: async (email: string) => {
      const tab = browser();
      await expectIn(tab.signIn(codeOf((await linkForOperator(linkDeps, testActor, email)).url)));
      return tab;
    },
    moveClock: (ms: number) => bed.cloned.setClockOffset(ms),
    rows: <T>(work: Parameters<typeof database.write<T>>[1]) => database.write({ purpose: "operator" }, work),
    close: async () => {
      await http.app.close();
      await bed.close();
    },
  };
}

export const foreignOrigin = "https://app.example.com";

export function codeOf(url: string): string {
  return new URL(url).hash.replace("#code=", "");
}

/** Status, code and reason of a refusal. */
export function errorOf({ status, body }: Answer): [number, string, string | undefined] {
  return [status, body.error.code, body.error.details?.reason];
}

/** How whoever is not signed in is told. */
export const gone = [401, "invalid_session", undefined];

async function expectIn(signingIn: Promise<Answer>): Promise<void> {
  const answer = await signingIn;
  if (answer.status !== 200)
    throw new Error(`not signed in: ${answer.status} ${JSON.stringify(answer.body)}`);
}
