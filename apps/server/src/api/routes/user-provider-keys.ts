import * as routes from "@modelfaucet/contract/routes/provider-keys.ts";
import {
  addKey,
  changeKey,
  type KeyManager,
  noKey,
  type ProviderKeyDeps,
  removeKey,
  testKey,
} from "../../flows/provider-keys.ts";
import type { Database } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd, type Usd, zeroUsd } from "../../lib/money.ts";
import type { AuditActor } from "../../modules/audit/audit.ts";
import {
  byokDisclosureVersion,
  type CredentialRow,
  coversDisclosure,
  findKey,
  listKeys,
} from "../../modules/credential/credential.ts";
import type { SessionContext } from "../../modules/identity/identity.ts";
import { type Directory, type DirectoryApp, invalidApp } from "../../modules/tenancy/tenancy.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { pageQueryOf } from "./developer-paging.ts";
import {
  byokFeeOf,
  byokFeeOrNull,
  defaultSettings,
  disclosureOf,
  type KeyAnswerDeps,
  keyAnswers,
  settingsIn,
  testAnswer,
  type UserKeyAnswer,
} from "./provider-key-answer.ts";

export type UserKeyDeps = ProviderKeyDeps &
  KeyAnswerDeps & { database: Database; directory: Pick<Directory, "app"> };

/** Own provider keys of end users: they go in and never come out. */
export function userProviderKeyRoutes(deps: UserKeyDeps): Mounted[] {
  return [
    mount(routes.addUserProviderKey, async ({ actor: { session }, audit, body }) => {
      const feeUsd = byokFeeOf(await appOf(deps, session));
      refuseOtherDisclosure(body.disclosure_version, feeUsd);
      const { provider, api_key: apiKey, base_url: baseUrl = null, ...settings } = body;
      const { appId, developerId, endUserId } = session;
      const input = { provider, apiKey, baseUrl, ...defaultSettings, ...settingsIn(settings) };
      const owner = { appId, developerId, endUserId };
      return answerOf(deps, session, feeUsd, await addKey(deps, managerOf(session, audit), owner, input));
    }),
    mount(routes.listUserProviderKeys, async ({ actor: { session }, audit, query }) => {
      const feeUsd = byokFeeOrNull(await appOf(deps, session)) ?? zeroUsd;
      const { scope, tenant } = managerOf(session, audit);
      const slice = pageQueryOf(query);
      const rows = await deps.database.read(tenant, async (tx) => {
        const keys = await listKeys(tx, scope, slice);
        return (await keyAnswers(deps, tx, keys)).map((answer, place) => ({
          key: keys[place]!,
          answer: { ...answer, ...disclosureOf(keys[place]!, feeUsd) },
        }));
      });
      return pageOf(rows, query.limit, placeOf, ({ answer }) => answer);
    }),
    mount(routes.readUserProviderKey, async ({ actor: { session }, audit, params }) => {
      const feeUsd = byokFeeOrNull(await appOf(deps, session)) ?? zeroUsd;
      const { scope, tenant } = managerOf(session, audit);
      const key = await deps.database.read(tenant, (tx) => findKey(tx, scope, params.id));
      if (!key) throw noKey();
      return answerOf(deps, session, feeUsd, key);
    }),
    mount(routes.updateUserProviderKey, async ({ actor: { session }, audit, params, body }) => {
      const feeUsd = byokFeeOrNull(await appOf(deps, session)) ?? zeroUsd;
      refuseOtherDisclosure(body.disclosure_version, feeUsd);
      const change = { ...settingsIn(body), ...(body.status === undefined ? {} : { status: body.status }) };
      return answerOf(
        deps,
        session,
        feeUsd,
        await changeKey(deps, managerOf(session, audit), params.id, change),
      );
    }),
    mount(routes.removeUserProviderKey, async ({ actor: { session }, audit, params }) => {
      await removeKey(deps, managerOf(session, audit), params.id);
      return { ok: true };
    }),
    mount(routes.testUserProviderKey, async ({ actor: { session }, audit, params }) =>
      testAnswer(await testKey(deps, managerOf(session, audit), params.id)),
    ),
  ];
}

const placeOf = ({ key }: { key: CredentialRow }) => ({ at: key.createdAt.toISOString(), id: key.id });

/** The purpose opens the audit log and the key's account; every statement names the user. */
function managerOf({ appId, endUserId }: SessionContext, actor: AuditActor): KeyManager {
  return {
    scope: { owner: "end_user", appId, endUserId },
    tenant: { appId, endUserId, purpose: "auth" },
    actor,
  };
}

async function appOf(deps: UserKeyDeps, session: SessionContext): Promise<DirectoryApp> {
  const app = await deps.directory.app(session.appId);
  if (!app) throw invalidApp();
  return app;
}

/** Nobody agrees to a text, or to a fee, that is no longer the one shown. @throws ApiError conflict */
function refuseOtherDisclosure(version: string | null | undefined, feeUsd: Usd): void {
  const fee = formatUsd(feeUsd);
  if (version === null || version === undefined || coversDisclosure(version, fee)) return;
  throw new ApiError("conflict", "The terms have changed since they were shown; show them again.", {
    param: "disclosure_version",
    details: { reason: "disclosure_version", disclosure_version: byokDisclosureVersion(fee), fee_usd: fee },
  });
}

async function answerOf(
  deps: UserKeyDeps,
  { appId, endUserId }: SessionContext,
  feeUsd: Usd,
  key: CredentialRow,
): Promise<UserKeyAnswer> {
  const tenant = { appId, endUserId, purpose: "auth" } as const;
  const [answer] = await deps.database.read(tenant, (tx) => keyAnswers(deps, tx, [key]));
  return { ...answer!, ...disclosureOf(key, feeUsd) };
}
