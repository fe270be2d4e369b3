import { type AuditSearch, auditSearch } from "../../developer/audit/search.ts";
import { oneOf, type RawSearch, texts } from "../../format/search-text.ts";

/** What the URL of the operator's audit log holds. */
export type OperatorAuditSearch = AuditSearch & {
  scope?: ActorScope | undefined;
  actor?: string | undefined;
  request?: string | undefined;
};

export const actorScopes = ["admin", "developer", "end_user", "system", "bootstrap", "stripe"] as const;
type ActorScope = (typeof actorScopes)[number];
export const requestForm = /^req_(local_)?[0-9a-f-]{36}$/;

export function operatorAuditSearch(raw: RawSearch): OperatorAuditSearch {
  return {
    ...auditSearch(raw),
    ...oneOf(raw, "scope", actorScopes),
    ...texts(raw, /^.{1,128}$/, "actor"),
    ...texts(raw, requestForm, "request"),
  };
}
