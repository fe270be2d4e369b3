import type { OperatorScope } from "@modelfaucet/contract/scopes.ts";
import type { Database, Tx } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { hashToken, newToken, uuidV7 } from "../lib/ids.ts";
import { type AuditActor, append } from "../modules/audit/audit.ts";
import {
  insertLink,
  insertOperator,
  type Operator,
  readOperatorByEmail,
} from "../modules/identity/identity.ts";
import { type Developer, readDeveloper, readDeveloperByEmail } from "../modules/tenancy/tenancy.ts";

type Deps = {
  database: Pick<Database, "write">;
  /** Where the console is, without a path. */
  dashboardUrl: string;
};

/** `url` carries the code and is shown once; only the code's hash is kept. No mail is sent before package 4. */
export type SignInLink = { url: string; expiresAt: Date; mailed: false };

const signInSeconds = 10 * 60;
const invitationSeconds = 7 * 86_400;
const operating = { purpose: "operator" } as const;

/**
 * Invites a developer to the console: a link for 7 days.
 * @throws ApiError not_found, conflict when the developer is closed or suspended
 */
export async function inviteDeveloper(
  deps: Deps,
  actor: AuditActor,
  developerId: string,
  input: { email?: string | undefined; reason: string },
): Promise<SignInLink> {
  return deps.database.write(operating, async (tx) => {
    const developer = await readDeveloper(tx, developerId);
    if (!developer) throw new ApiError("not_found", "There is no such developer.");
    if (developer.status !== "active") {
      throw new ApiError("conflict", `This developer is ${developer.status} and cannot be invited.`, {
        details: { reason: developer.status },
      });
    }
    return writeDeveloperLink(tx, deps, actor, developer, {
      email: input.email ?? developer.email,
      action: "developer.invite",
      lifeSeconds: invitationSeconds,
      reason: input.reason,
    });
  });
}

/** A link for the developer with that e-mail address, good for 10 minutes. @throws ApiError not_found, suspended */
export async function linkForDeveloper(deps: Deps, actor: AuditActor, email: string): Promise<SignInLink> {
  return deps.database.write(operating, async (tx) => {
    const developer = await readDeveloperByEmail(tx, email);
    if (!developer) {
      throw new ApiError("not_found", "There is no developer with this e-mail address: make it first.");
    }
    refuseInactive("developer", developer.status);
    return writeDeveloperLink(tx, deps, actor, developer, {
      email: developer.email,
      action: "developer.sign_in_link",
      lifeSeconds: signInSeconds,
      reason: null,
    });
  });
}

/**
 * A link for the operator with that e-mail address, good for 10 minutes. Who asks holds the deployment's secrets, so an
 * operator that is not known yet is made, with every scope.
 * @throws ApiError suspended
 */
export async function linkForOperator(
  deps: Deps & { allScopes: readonly OperatorScope[] },
  actor: AuditActor,
  email: string,
): Promise<SignInLink> {
  return deps.database.write(operating, async (tx) => {
    const known = await readOperatorByEmail(tx, email);
    const operator = known ?? (await makeOperator(tx, actor, email, deps.allScopes));
    refuseInactive("operator", operator.status);
    const link = await writeLink(tx, deps, {
      kind: "operator",
      developerId: null,
      operatorId: operator.id,
      email: operator.email,
      createdBy: actor.actorName ?? actor.actorScope,
      lifeSeconds: signInSeconds,
    });
    await append(tx, {
      ...actor,
      action: "operator.sign_in_link",
      resourceType: "operator",
      resourceId: operator.id,
      metadata: { expires_at: link.expiresAt.toISOString() },
    });
    return link;
  });
}

/** The operator of that address, made with those scopes when nobody has it. */
export async function makeOperator(
  tx: Tx,
  actor: AuditActor,
  email: string,
  scopes: readonly OperatorScope[],
): Promise<Operator> {
  const operator = { id: uuidV7(), email, name: email, scopes: [...scopes] };
  // Whoever made the same one at the same moment was first.
  if (!(await insertOperator(tx, operator))) return (await readOperatorByEmail(tx, email))!;
  await append(tx, {
    ...actor,
    action: "operator.create",
    resourceType: "operator",
    resourceId: operator.id,
    after: operator,
  });
  return { ...operator, status: "active" };
}

function refuseInactive(what: "developer" | "operator", status: Operator["status"]): void {
  if (status === "active") return;
  throw new ApiError("suspended", `This ${what} is ${status} and gets no sign-in link.`, {
    details: { what },
  });
}

async function writeDeveloperLink(
  tx: Tx,
  deps: Deps,
  actor: AuditActor,
  developer: Developer,
  about: { email: string; action: string; lifeSeconds: number; reason: string | null },
): Promise<SignInLink> {
  const link = await writeLink(tx, deps, {
    kind: "developer",
    developerId: developer.id,
    operatorId: null,
    email: about.email,
    createdBy: actor.actorName ?? actor.actorScope,
    lifeSeconds: about.lifeSeconds,
  });
  await append(tx, {
    ...actor,
    action: about.action,
    resourceType: "developer",
    resourceId: developer.id,
    developerId: developer.id,
    reason: about.reason,
    metadata: { email: about.email, expires_at: link.expiresAt.toISOString() },
  });
  return link;
}

async function writeLink(
  tx: Tx,
  deps: Deps,
  link: Omit<Parameters<typeof insertLink>[1], "id" | "codeHash">,
): Promise<SignInLink> {
  const code = newToken("mf_link_");
  const { expiresAt } = await insertLink(tx, { ...link, id: uuidV7(), codeHash: hashToken(code) });
  // Behind the fragment sign, so that no server and no log on the way gets to see it.
  const url = `${deps.dashboardUrl.replace(/\/+$/, "")}/sign-in#code=${code}`;
  return { url, expiresAt, mailed: false };
}
