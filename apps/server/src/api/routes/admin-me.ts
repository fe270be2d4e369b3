import { inviteDeveloper, readOperator } from "@modelfaucet/contract/routes/admin.ts";
import { inviteDeveloper as invite } from "../../flows/console-links.ts";
import type { Database } from "../../lib/db.ts";
import type { OperatorActor } from "../actor.ts";
import { type Mounted, mount } from "../mount.ts";

/** Who the calling operator is, and how a developer is let in. */
export function adminMeRoutes(deps: { database: Database; dashboardUrl: string }): Mounted[] {
  return [
    mount(readOperator, async ({ actor }) => operatorAnswer(actor)),
    mount(inviteDeveloper, async ({ params, body, audit }) => {
      const link = await invite(deps, audit, params.id, body);
      return { url: link.url, expires_at: link.expiresAt.toISOString(), mailed: link.mailed };
    }),
  ];
}

function operatorAnswer({ person, token, console, scopes }: OperatorActor) {
  const isBootstrap = person === "bootstrap";
  const operator = {
    id: token?.operatorId ?? console?.operator?.id ?? person,
    name: token?.personName ?? console?.person.name ?? person,
    ...(isBootstrap ? {} : { email: person }),
  };
  return { operator, scopes: [...scopes] };
}
