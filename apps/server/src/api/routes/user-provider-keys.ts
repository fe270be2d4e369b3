import * as routes from "@modelfaucet/contract/routes/provider-keys.ts";
import { byokFeeOf, refuseUnshown } from "../../flows/byok-terms.ts";
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
import { type Usd, zeroUsd } from "../../lib/money.ts";
import type { AuditActor } from "../../modules/audit/audit.ts";
import { type CredentialRow, findKey, listKeys } from "../../modules/credential/credential.ts";
import type { SessionContext } from "../../modules/identity/identity.ts";
import { type Directory, type DirectoryFeature, invalidApp } from "../../modules/tenancy/tenancy.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { pageQueryOf } from "./developer-paging.ts";
import {
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
      const features = await featuresOf(deps, session);
      const feeUsd = byokFeeOf(features);
      if (feeUsd === null) throw noOwnKeys();
      refuseUnshown(body.disclosure_version, features);
      const { provider, api_key: apiKey, base_url: baseUrl = null, ...settings } = body;
      const { appId, developerId, endUserId } = session;
      const input = { provider, apiKey, baseUrl, ...defaultSettings, ...settingsIn(settings) };
      const owner = { appId, developerId, endUserId };
      return answerOf(deps, session, feeUsd, await addKey(deps, managerOf(session, audit), owner, input));
    }),
    mount(routes.listUserProviderKeys, async ({ actor: { session }, audit, query }) => {
      const feeUsd = byokFeeOf(await featuresOf(deps, session)) ?? zeroUsd;
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
      const feeUsd = byokFeeOf(await featuresOf(deps, session)) ?? zeroUsd;
      const { scope, tenant } = managerOf(session, audit);
      const key = await deps.database.read(tenant, (tx) => findKey(tx, scope, params.id));
      if (!key) throw noKey();
      return answerOf(deps, session, feeUsd, key);
    }),
    mount(routes.updateUserProviderKey, async ({ actor: { session }, audit, params, body }) => {
      const features = await featuresOf(deps, session);
      const feeUsd = byokFeeOf(features) ?? zeroUsd;
      refuseUnshown(body.disclosure_version, features);
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

async function featuresOf(deps: UserKeyDeps, session: SessionContext): Promise<DirectoryFeature[]> {
  const app = await deps.directory.app(session.appId);
  if (!app) throw invalidApp();
  return [...app.features.values()];
}

const noOwnKeys = () =>
  new ApiError("forbidden", "No feature of this app can be used with an own key.", {
    details: { reason: "not_in_policy" },
  });

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
