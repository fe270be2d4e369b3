import * as routes from "@modelfaucet/contract/routes/admin.ts";
import {
  closeDeveloper,
  createDeveloper,
  type DeveloperMoney,
  type DeveloperMoneyReader,
  updateDeveloper,
} from "../../flows/developers.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database, Tx } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { formatUsd, zeroUsd } from "../../lib/money.ts";
import {
  type Developer,
  listDevelopers,
  maximaOf,
  type OperatorSettings,
  readDeveloper,
  readSettings,
} from "../../modules/tenancy/tenancy.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { limitsAnswer } from "./developer-account.ts";
import { pageQueryOf } from "./developer-paging.ts";

export type AdminDeveloperDeps = {
  database: Database;
  feed: Pick<ChangeFeed, "waitUntilSeen">;
  developerMoney: DeveloperMoneyReader;
};

export function adminDeveloperRoutes(deps: AdminDeveloperDeps): Mounted[] {
  const answerOf = (id: string) =>
    deps.database.read({ purpose: "operator" }, (tx) => readAnswer(tx, deps, id));
  return [
    mount(routes.listDevelopers, ({ query, read }) =>
      read(async (tx) => {
        const rows = await listDevelopers(tx, { status: query.status, q: query.q, ...pageQueryOf(query) });
        const settings = await readSettings(tx);
        const money = await deps.developerMoney(
          tx,
          rows.map(({ id }) => id),
        );
        return pageOf(
          rows,
          query.limit,
          ({ createdAt, id }) => ({ at: createdAt.toISOString(), id }),
          (developer) => developerAnswer(developer, settings, money.get(developer.id)),
        );
      }),
    ),
    mount(routes.readDeveloperAsOperator, ({ params, read }) =>
      read((tx) => readAnswer(tx, deps, params.id)),
    ),
    mount(routes.createDeveloper, async ({ body, audit }) => {
      const { email, name, limits, reason } = body;
      const { id } = await createDeveloper(deps, audit, { email, name, limits, reason });
      return answerOf(id);
    }),
    mount(routes.updateDeveloper, async ({ params, body, audit }) => {
      const { email, name, limits, reason } = body;
      await updateDeveloper(deps, audit, params.id, { email, name, limits, reason });
      return answerOf(params.id);
    }),
    mount(routes.closeDeveloper, async ({ params, query, audit }) => {
      await closeDeveloper(deps, audit, params.id, query.reason);
      return { ok: true };
    }),
  ];
}

async function readAnswer(tx: Tx, deps: AdminDeveloperDeps, id: string) {
  const developer = await readDeveloper(tx, id);
  if (!developer) throw new ApiError("not_found", "There is no such developer.");
  const money = await deps.developerMoney(tx, [id]);
  return developerAnswer(developer, await readSettings(tx), money.get(id));
}

function developerAnswer(
  developer: Developer,
  settings: OperatorSettings,
  money: DeveloperMoney | undefined,
) {
  return {
    id: developer.id,
    name: developer.name,
    email: developer.email,
    status: developer.status,
    limits: limitsAnswer(maximaOf(settings, developer.limits)),
    apps: developer.apps,
    payable_usd: formatUsd(money?.payableUsd ?? zeroUsd),
    debt_usd: formatUsd(money?.debtUsd ?? zeroUsd),
    created_at: developer.createdAt.toISOString(),
    updated_at: developer.updatedAt.toISOString(),
  };
}
