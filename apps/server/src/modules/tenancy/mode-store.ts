import type { ChosenMode } from "../../lib/chosen-mode.ts";
import type { Tx } from "../../lib/db.ts";

export async function readChosenModes(tx: Tx, appId: string, endUserId: string): Promise<ChosenMode[]> {
  return tx<ChosenMode[]>`
    select home_feature_id as "featureId", mode, fallback_to_platform as "fallbackToPlatform",
      disclosure_version as "disclosureVersion"
    from user_modes where app_id = ${appId} and end_user_id = ${endUserId}`;
}

/** What is left out stays as it was: off, and agreed to nothing, at the beginning. */
export type ModeChange = Pick<ChosenMode, "featureId" | "mode"> & {
  fallbackToPlatform?: boolean | undefined;
  disclosureVersion?: string | undefined;
};

export async function writeChosenMode(
  tx: Tx,
  user: { appId: string; developerId: string; endUserId: string },
  change: ModeChange,
): Promise<void> {
  const agreed = change.disclosureVersion ?? null;
  const fallback = change.fallbackToPlatform ?? null;
  await tx`
    insert into user_modes as m (app_id, developer_id, end_user_id, feature_id, mode, fallback_to_platform, disclosure_version, agreed_at)
    values (${user.appId}, ${user.developerId}, ${user.endUserId}, coalesce(${change.featureId}::uuid, '00000000-0000-0000-0000-000000000000'),
      ${change.mode}, coalesce(${fallback}, false), ${agreed}, case when ${agreed}::text is not null then mf_now() end)
    on conflict (app_id, end_user_id, feature_id) do update set mode = excluded.mode,
      fallback_to_platform = coalesce(${fallback}, m.fallback_to_platform),
      disclosure_version = coalesce(${agreed}, m.disclosure_version),
      agreed_at = case when ${agreed}::text is not null then mf_now() else m.agreed_at end,
      updated_at = mf_now()`;
}
