import * as routes from "@modelfaucet/contract/routes/identity.ts";
import { rotateDeveloperToken } from "../../flows/developer-tokens.ts";
import { rotateIdentitySecret, testUserToken } from "../../flows/identity-secret.ts";
import { type LeakDeps, revokeLeaked } from "../../flows/revoke-leaked.ts";
import type { ProofDeps } from "../../flows/user-proof.ts";
import type { ChangeFeed } from "../../lib/change-feed.ts";
import type { Database } from "../../lib/db.ts";
import type { SecretBox } from "../../lib/secret-box.ts";
import type { Directory } from "../../modules/tenancy/tenancy.ts";
import { type Mounted, mount } from "../mount.ts";
import { tokenAnswer } from "./developer-account.ts";

export type IdentityRouteDeps = LeakDeps &
  ProofDeps & {
    database: Database;
    directory: Directory;
    feed: Pick<ChangeFeed, "now" | "waitUntilSeen">;
    secretBox: SecretBox;
  };

/** Secrets that turn, what a user token proves, and tokens that leaked. */
export function identityRoutes(deps: IdentityRouteDeps): Mounted[] {
  return [
    mount(routes.revokeLeakedToken, async ({ body, audit, address }) => {
      await revokeLeaked(deps, audit, { token: body.token, foundAt: body.found_at, address });
      return { ok: true };
    }),
    mount(routes.rotateIdentitySecret, async ({ actor, params, body, audit }) => {
      const rotated = await rotateIdentitySecret(deps, actor.caller, audit, {
        publicAppId: params.publicAppId,
        overlapSeconds: body.overlap_seconds,
      });
      return {
        identity_secret: rotated.identitySecret,
        previous_valid_until: rotated.previousValidUntil?.toISOString(),
      };
    }),
    mount(routes.testIdentity, async ({ actor, params, body, audit }) => {
      const { publicAppId } = params;
      const tested = await testUserToken(deps, actor.caller, audit, {
        publicAppId,
        userToken: body.user_token,
      });
      if (!tested.valid) return tested;
      return { valid: true, claims: tested.claims as Record<string, never>, signed_with: tested.signedWith };
    }),
    mount(routes.rotateToken, async ({ actor, params, body, audit }) => {
      const rotation = { id: params.id, overlapSeconds: body.overlap_seconds };
      const { token, item } = await rotateDeveloperToken(deps, actor.caller, audit, rotation);
      return { token, item: tokenAnswer(item) };
    }),
  ];
}
