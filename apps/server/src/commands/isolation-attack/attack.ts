import { randomUUID } from "node:crypto";
import { type DeveloperScope, developerScopes } from "@modelfaucet/contract/scopes.ts";
import type { Answer, Deployment } from "./deployment.ts";
import { type ForeignIds, triesOf } from "./targets.ts";

/** An answer that should have been 401, 403 or 404. */
export type Mismatch = { route: string; path: string; as: "developer" | "end_user"; status: number };

export type AttackReport = {
  routes: number;
  ids: number;
  tries: number;
  /** Whom it was tried as. No end user where the demo app is not active yet, so that nobody gets a session. */
  as: Mismatch["as"][];
  mismatches: Mismatch[];
  /** Ids of the other tenant that there are none of: what nobody has stood in their place. */
  unknown_ids: string[];
  /** Whether everything that was minted is dead; what is not, by its id, goes by itself after 15 minutes. */
  revoked: boolean;
  left: string[];
  interrupted: boolean;
};

type Minted = { kind: "token" | "session"; id: string; secret: string; path: string };

const demoApp = { publicAppId: "app_pub_demo", externalUserId: "crm-demo-user" };
const otherApp = { publicAppId: "app_pub_isolation", externalUserId: "isolation-user" };
const lifeSeconds = 900;
const closed = new Set([401, 403, 404]);

/**
 * Tries every id-taking route of a deployment as the demo tenant, with the ids of the isolation tenant. What it mints for
 * that is revoked at the end, whatever happened in between. @throws Error in a sentence when it could not begin
 */
export async function attack(
  deployment: Deployment,
  adminToken: string,
  signal: AbortSignal,
): Promise<AttackReport> {
  const minted: Minted[] = [];
  const report: AttackReport = {
    routes: 0,
    ids: 0,
    tries: 0,
    as: [],
    mismatches: [],
    unknown_ids: [],
    revoked: false,
    left: [],
    interrupted: false,
  };
  try {
    const attackers = await mint(deployment, adminToken, minted, signal);
    report.as = attackers.map(([as]) => as);
    const { ids, unknown } = await lookUp(deployment, adminToken, minted, signal);
    report.unknown_ids = unknown;
    const tries = triesOf(ids, demoApp.publicAppId);
    report.routes = new Set(tries.map(({ route }) => route)).size;
    report.ids = Object.keys(ids).length - 1;
    for (const { route, base, method, path, body } of tries) {
      for (const [as, token] of attackers) {
        const { status } = await deployment.ask(base, method, path, { token, body, signal });
        report.tries += 1;
        if (!closed.has(status)) report.mismatches.push({ route, path, as, status });
      }
    }
  } catch (error) {
    if (!signal.aborted) throw await revokedFirst(error, deployment, adminToken, minted);
    report.interrupted = true;
  }
  report.left = await revoke(deployment, adminToken, minted);
  report.revoked = report.left.length === 0;
  return report;
}

async function revokedFirst(
  error: unknown,
  deployment: Deployment,
  adminToken: string,
  minted: readonly Minted[],
): Promise<unknown> {
  const left = await revoke(deployment, adminToken, minted);
  if (left.length === 0) return error;
  return new Error(`${(error as Error).message}; not revoked, ends within 15 minutes: ${left.join(", ")}`, {
    cause: error,
  });
}

/** A token of the demo developer with every scope, and a session of its user. */
async function mint(
  deployment: Deployment,
  adminToken: string,
  minted: Minted[],
  signal: AbortSignal,
): Promise<(readonly [as: Mismatch["as"], token: string])[]> {
  const app = await deployment.ask("api", "GET", `/v1/developer/apps/${demoApp.publicAppId}`, {
    token: adminToken,
    signal,
  });
  if (app.status !== 200) {
    throw new Error(
      app.status === 404
        ? "there is no demo tenant: run `pnpm db:seed --demo` there first"
        : `DEVELOPER_ADMIN_TOKEN is answered with ${app.status}: it has to be this deployment's`,
    );
  }
  const developer = must(
    await deployment.ask("api", "POST", "/v1/developer/tokens", {
      token: adminToken,
      body: {
        name: "isolation attack",
        scopes: developerScopes satisfies readonly DeveloperScope[],
        developer_id: app.body.developer_id,
        expires_at: new Date(Date.now() + lifeSeconds * 1_000).toISOString(),
      },
    }),
    "no token could be minted",
  );
  const { token, item } = developer.body;
  minted.push({ kind: "token", id: item.id, secret: token, path: `/v1/developer/tokens/${item.id}` });
  const session = await openSession(deployment, token, demoApp, minted);
  return [["developer", token], ...(session === null ? [] : [["end_user", session.secret] as const])];
}

/**
 * `null` for an app that is not active yet. Nothing here can be interrupted between what is made and its note: what is not
 * noted is not revoked.
 */
async function openSession(
  deployment: Deployment,
  token: string,
  { publicAppId, externalUserId }: typeof demoApp,
  minted: Minted[],
): Promise<(Minted & { userId: string }) | null> {
  const asked = await deployment.ask("api", "POST", "/v1/sessions", {
    token,
    body: { public_app_id: publicAppId, external_user_id: externalUserId, ttl_seconds: lifeSeconds },
  });
  if (asked.status === 403 && asked.body?.error?.details?.reason === "gates") return null;
  const opened = must(asked, `no session of ${publicAppId} could be opened`);
  const { session_id: id, session_token: secret, end_user_id: userId } = opened.body;
  const session: Minted = { kind: "session", id, secret, path: `/v1/developer/sessions/${id}` };
  minted.push(session);
  return { ...session, userId };
}

/** The ids of what the isolation tenant owns, as the operator's own credential lists them. */
async function lookUp(
  deployment: Deployment,
  adminToken: string,
  minted: Minted[],
  signal: AbortSignal,
): Promise<{ ids: ForeignIds; unknown: string[] }> {
  const { publicAppId } = otherApp;
  const first = async (path: string, token = adminToken): Promise<Answer["body"]> =>
    must(await deployment.ask("api", "GET", path, { token, signal }), `${path} is not answered`).body
      .items[0];
  const app = must(
    await deployment.ask("api", "GET", `/v1/developer/apps/${publicAppId}`, { token: adminToken, signal }),
    "there is no isolation tenant: run `pnpm db:seed` there first",
  ).body;
  const ofApp = `?public_app_id=${publicAppId}&limit=1`;
  const session = await openSession(deployment, adminToken, otherApp, minted);
  const requestId = (await first(`/v1/developer/requests${ofApp}`))?.request_id;
  const found: Record<string, string | null | undefined> = {
    publicAppId,
    featureKey: (await first(`/v1/developer/apps/${publicAppId}/features?limit=1`))?.feature_key,
    developerId: app.developer_id,
    endUserId: session?.userId ?? (await first(`/v1/developer/apps/${publicAppId}/users?limit=1`))?.id,
    sessionId: session?.id,
    tokenId: (await first(`/v1/developer/tokens?developer_id=${app.developer_id}&limit=1`))?.id,
    requestId,
    receiptId: requestId && `rcpt_${requestId}`,
    userKeyId: session && (await first("/v1/user/provider-keys?limit=1", session.secret))?.id,
    developerKeyId: (await first(`/v1/developer/provider-keys${ofApp}`))?.id,
  };
  const nobodys: ForeignIds = nobodysIds();
  const unknown = Object.keys(found).filter((name) => found[name] == null);
  return {
    ids: Object.fromEntries(
      Object.entries(nobodys).map(([name, id]) => [name, found[name] ?? id]),
    ) as ForeignIds,
    unknown,
  };
}

function nobodysIds(): ForeignIds {
  const requestId = `req_${randomUUID()}`;
  return {
    publicAppId: "app_of_nobody",
    featureKey: "feature_of_nobody",
    developerId: randomUUID(),
    endUserId: randomUUID(),
    sessionId: randomUUID(),
    tokenId: randomUUID(),
    requestId,
    receiptId: `rcpt_${requestId}`,
    userKeyId: randomUUID(),
    developerKeyId: randomUUID(),
    nothing: randomUUID(),
  };
}

/** Ends what was minted, the newest first, and asks whether it is dead. Gives what is not. */
async function revoke(
  deployment: Deployment,
  adminToken: string,
  minted: readonly Minted[],
): Promise<string[]> {
  const left: string[] = [];
  for (const { kind, id, secret, path } of minted.toReversed()) {
    const isDead = await ended(deployment, adminToken, path, secret).catch(() => false);
    if (!isDead) left.push(`${kind} ${id}`);
  }
  return left;
}

async function ended(
  deployment: Deployment,
  adminToken: string,
  path: string,
  secret: string,
): Promise<boolean> {
  await deployment.ask("api", "DELETE", path, { token: adminToken });
  const { status } = await deployment.ask("api", "GET", "/v1/user/me", { token: secret });
  return status === 401;
}

function must(answer: Answer, otherwise: string): Answer {
  if (answer.status < 300) return answer;
  const { code, details } = answer.body?.error ?? {};
  const said = [code, details?.reason, details?.required].filter((word) => typeof word === "string");
  throw new Error(`${otherwise}: ${[answer.status, ...said].join(" ")}`);
}
