import { type PeriodSearch, periodSearch } from "../../format/period.ts";
import { type RawSearch, texts } from "../../format/search-text.ts";

/** What the URL of an audit log holds. */
export type AuditSearch = PeriodSearch & {
  /** As it stands in the rows, for example `provider_key.create`. */
  action?: string | undefined;
  type?: string | undefined;
  resource?: string | undefined;
  cursor?: string | undefined;
};

export function auditSearch(raw: RawSearch): AuditSearch {
  return {
    ...periodSearch(raw),
    ...texts(raw, actionForm, "action", "type"),
    ...texts(raw, /^.{1,128}$/, "resource"),
    ...texts(raw, /^.{1,512}$/, "cursor"),
  };
}

export const actionForm = /^[a-z0-9_.]{1,128}$/;
