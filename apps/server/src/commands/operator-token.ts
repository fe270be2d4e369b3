import { parseArgs } from "node:util";
import { operatorRoles, operatorScopes } from "@modelfaucet/contract/scopes.ts";
import { email as emailForm, reason as reasonForm } from "@modelfaucet/contract/values.ts";
import { createOperatorToken, revokeOperatorToken } from "../flows/operator-tokens.ts";
import { waitUntilSeen } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { isUuid } from "../lib/ids.ts";
import { listOperatorTokens, type OperatorTokenItem } from "../modules/identity/identity.ts";

export const operatorTokenHelp = `usage: pnpm mf operator-token create --email <address> --role viewer|support|finance|admin [--expires 30d] [--name <text>]
       pnpm mf operator-token list [--all]
       pnpm mf operator-token revoke <id>
Named tokens of operators: what is done with one stands in the audit log under its person's address. A new token is printed
once, alone on standard output; it ends after 30 days unless told otherwise, after 90 at most. list shows those that hold,
--all also those that ended. The last token that could make others is not revoked. --reason "…" goes into the audit log,
--json prints the result as JSON.`;

/** Whoever runs this holds the deployment's secrets. */
const actor = { actorScope: "bootstrap", actorName: "bootstrap" } as const;
const creator = { person: "bootstrap", scopes: new Set(operatorScopes) };

type Options = {
  email?: string;
  role?: string;
  expires?: string;
  name?: string;
  reason?: string;
  all?: boolean;
  json?: boolean;
};

/** `operator-token`: 1 when the person is suspended, or the token is not there or has to stay, 2 on wrong usage. */
export async function runOperatorToken(args: readonly string[], database: Database): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      email: { type: "string" },
      role: { type: "string" },
      expires: { type: "string" },
      name: { type: "string" },
      reason: { type: "string" },
      all: { type: "boolean" },
      json: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  const [verb, id, ...more] = positionals;
  const isSaid = values.reason === undefined || reasonForm.safeParse(values.reason).success;
  try {
    if (isSaid && verb === "create" && id === undefined) return await create(values, database);
    if (isSaid && verb === "list" && id === undefined) return await list(values, database);
    if (isSaid && verb === "revoke" && isUuid(id ?? "") && more.length === 0) {
      return await revoke(id!, values, database);
    }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    console.error(error.message);
    return 1;
  }
  return wrongUsage();
}

async function create(values: Options, database: Database): Promise<number> {
  const address = emailForm.safeParse(values.email);
  const role = (Object.keys(operatorRoles) as (keyof typeof operatorRoles)[]).find(
    (one) => one === values.role,
  );
  const days = /^([1-9]\d?)d$/.exec(values.expires ?? "30d")?.[1];
  const name = values.name ?? "made at the command line";
  if (!address.success || role === undefined || days === undefined || Number(days) > mostDays)
    return wrongUsage();
  if (name.length < 1 || name.length > 128) return wrongUsage();
  const { token, item } = await createOperatorToken(depsOf(database), creator, actor, {
    name,
    email: address.data,
    scopes: operatorRoles[role],
    role,
    lifeDays: Number(days),
    reason: values.reason,
  });
  if (values.json) console.log(JSON.stringify({ token, item: answerOf(item) }));
  else {
    console.error(
      `For ${item.email} as ${role}, until ${item.expiresAt.toISOString()}. It is shown this once.`,
    );
    console.log(token);
  }
  return 0;
}

const mostDays = 90;
const mostListed = 1_000;

async function list(values: Options, database: Database): Promise<number> {
  const status = values.all ? undefined : ("active" as const);
  const items = await database.read({ purpose: "operator" }, (tx) =>
    listOperatorTokens(tx, { status, limit: mostListed }),
  );
  if (values.json) {
    console.log(JSON.stringify({ items: items.map(answerOf) }));
    return 0;
  }
  for (const item of items) {
    const { id, email, role, tokenPrefix, expiresAt, lastUsedAt } = item;
    const used = lastUsedAt === null ? "never used" : `last used ${lastUsedAt.toISOString()}`;
    console.log(
      `${id}  ${item.status.padEnd(7)}  ${email}  ${role ?? item.scopes.join(",")}  ${tokenPrefix}…  until ${expiresAt.toISOString()}  ${used}`,
    );
  }
  console.error(`${items.length} tokens`);
  return 0;
}

async function revoke(id: string, values: Options, database: Database): Promise<number> {
  await revokeOperatorToken(depsOf(database), { ...actor, reason: values.reason }, id);
  console.log(values.json ? JSON.stringify({ ok: true, id }) : `revoked ${id}`);
  return 0;
}

function depsOf(database: Database) {
  const feed = {
    waitUntilSeen: (version: bigint, timeoutMs = 2_000) => waitUntilSeen(database, version, timeoutMs),
  };
  return { database, feed };
}

function answerOf(item: OperatorTokenItem) {
  return {
    id: item.id,
    email: item.email,
    name: item.name,
    role: item.role,
    scopes: item.scopes,
    status: item.status,
    token_prefix: item.tokenPrefix,
    expires_at: item.expiresAt.toISOString(),
    last_used_at: item.lastUsedAt?.toISOString() ?? null,
  };
}

function wrongUsage(): number {
  console.error(operatorTokenHelp);
  return 2;
}
