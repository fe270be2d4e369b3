import { may, type Session } from "../api/session.ts";
import { operatorPlaces } from "../operator/places.ts";

/** The screens of a session's menu, by group. */
const developerPlaces = [
  { to: "/", label: "Overview", group: "Developer", scope: "developer:usage:read" },
  { to: "/requests", label: "Requests", group: "Developer", scope: "developer:usage:read" },
  { to: "/apps", label: "Apps", group: "Developer", scope: "developer:apps:read" },
  { to: "/keys", label: "Provider keys", group: "Developer", scope: "developer:provider_keys:read" },
  { to: "/tokens", label: "Tokens", group: "Developer", scope: "developer:tokens:read" },
  { to: "/audit", label: "Audit log", group: "Developer", scope: "developer:operations:read" },
] as const;

export type Place = (typeof developerPlaces)[number] | (typeof operatorPlaces)[number];

/** What this person may open. */
export function placesOf(session: Session): readonly Place[] {
  const places: readonly Place[] = session.kind === "operator" ? operatorPlaces : developerPlaces;
  return places.filter(({ scope }) => may(session, scope));
}
