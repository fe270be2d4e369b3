import * as routes from "@modelfaucet/contract/routes/provider-keys.ts";
import { requireApp, tenantOf } from "../../flows/developers-calling.ts";
import {
  addKey,
  changeKey,
  type KeyManager,
  noKey,
  type ProviderKeyDeps,
  removeKey,
  testKey,
} from "../../flows/provider-keys.ts";
import type { Database, Tx } from "../../lib/db.ts";
import type { AuditActor } from "../../modules/audit/audit.ts";
import { type CredentialRow, findKey, listKeys } from "../../modules/credential/credential.ts";
import type { DeveloperCaller } from "../../modules/identity/identity.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { ownOrNamed } from "./developer-account.ts";
import { pageQueryOf } from "./developer-paging.ts";
import {
  type DeveloperKeyAnswer,
  defaultSettings,
  type KeyAnswerDeps,
  keyAnswers,
  settingsIn,
  testAnswer,
} from "./provider-key-answer.ts";

export type DeveloperKeyDeps = ProviderKeyDeps & KeyAnswerDeps & { database: Database };

/** Provider keys with which a developer pays upstream, each for one app. End users' keys are not theirs to see. */
export function developerProviderKeyRoutes(deps: DeveloperKeyDeps): Mounted[] {
  const answerOf = (caller: DeveloperCaller, key: CredentialRow) =>
    deps.database.read(tenantOf(caller), async (tx) => (await answersOf(deps, tx, [key]))[0]!);
  return [
    mount(routes.addDeveloperProviderKey, async ({ actor: { caller }, audit, body }) => {
      const { public_app_id, provider, api_key: apiKey, base_url: baseUrl = null, ...settings } = body;
      const app = await deps.database.read(tenantOf(caller), (tx) => requireApp(tx, caller, public_app_id));
      const owner = { appId: app.id, developerId: app.developerId, endUserId: null };
      const input = { provider, apiKey, baseUrl, ...defaultSettings, ...settingsIn(settings) };
      return answerOf(caller, await addKey(deps, managerOf(caller, audit), owner, input));
    }),
    mount(routes.listDeveloperProviderKeys, async ({ actor: { caller }, audit, query, read }) => {
      const { public_app_id: only } = query;
      const slice = pageQueryOf(query);
      const developerId = ownOrNamed(caller, query.developer_id);
      const rows = await read(async (tx) => {
        if (only !== undefined) await requireApp(tx, caller, only);
        const { scope } = managerOf(caller, audit);
        const publicAppIds = only === undefined ? scope.publicAppIds : [only];
        const keys = await listKeys(tx, { ...scope, developerId, publicAppIds }, slice);
        return (await answersOf(deps, tx, keys)).map((answer, place) => ({ key: keys[place]!, answer }));
      });
      const placeOf = ({ key }: { key: CredentialRow }) => ({ at: key.createdAt.toISOString(), id: key.id });
      return pageOf(rows, query.limit, placeOf, ({ answer }) => answer);
    }),
    mount(routes.readDeveloperProviderKey, async ({ actor: { caller }, audit, params, read }) => {
      const key = await read((tx) => findKey(tx, managerOf(caller, audit).scope, params.id));
      if (!key) throw noKey();
      return answerOf(caller, key);
    }),
    mount(routes.updateDeveloperProviderKey, async ({ actor: { caller }, audit, params, body }) => {
      const change = { ...settingsIn(body), ...(body.status === undefined ? {} : { status: body.status }) };
      return answerOf(caller, await changeKey(deps, managerOf(caller, audit), params.id, change));
    }),
    mount(routes.removeDeveloperProviderKey, async ({ actor: { caller }, audit, params }) => {
      await removeKey(deps, managerOf(caller, audit), params.id);
      return { ok: true };
    }),
    mount(routes.testDeveloperProviderKey, async ({ actor: { caller }, audit, params }) =>
      testAnswer(await testKey(deps, managerOf(caller, audit), params.id)),
    ),
  ];
}

type DeveloperManager = KeyManager & { scope: Extract<KeyManager["scope"], { owner: "developer" }> };

function managerOf(caller: DeveloperCaller, actor: AuditActor): DeveloperManager {
  const { developerId, publicAppIds } = caller;
  return { scope: { owner: "developer", developerId, publicAppIds }, tenant: tenantOf(caller), actor };
}

async function answersOf(
  deps: DeveloperKeyDeps,
  tx: Tx,
  keys: readonly CredentialRow[],
): Promise<DeveloperKeyAnswer[]> {
  const answers = await keyAnswers(deps, tx, keys);
  return answers.map((answer, place) => ({ ...answer, public_app_id: keys[place]!.publicAppId }));
}
