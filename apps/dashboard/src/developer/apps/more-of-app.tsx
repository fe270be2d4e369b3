import { Link, useRouteContext } from "@tanstack/react-router";
import { may } from "../../api/session.ts";
import { Card } from "../../ui/card.tsx";
import type { AppItem } from "./apps-query.ts";

const look = "rounded-sm font-medium no-underline hover:text-accent";

/** What else an app has, each on a screen of its own, for whoever may open it. */
export function MoreOfApp({ app: { public_app_id: appId } }: { app: AppItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const items = [
    may(session, "developer:users:read") && {
      link: (
        <Link to="/apps/$appId/users" params={{ appId }} className={look}>
          End users
        </Link>
      ),
      says: "what each spent, when they were last seen, their sessions",
    },
    may(session, "developer:provider_keys:read") && {
      link: (
        <Link to="/keys" search={{ app: appId }} className={look}>
          Provider keys
        </Link>
      ),
      says: "keys of vendors that you pay yourself",
    },
    {
      link: (
        <Link to="/apps/$appId/identity" params={{ appId }} className={look}>
          Identity
        </Link>
      ),
      says: "the secret or the key set that proves your users",
    },
    may(session, "developer:apps:write") && {
      link: (
        <Link to="/apps/$appId/debug-log" params={{ appId }} className={look}>
          Debug log
        </Link>
      ),
      says: "what is asked and answered, for an hour at most",
    },
  ].filter((item) => item !== false);
  return (
    <Card title="More of this app">
      <ul>
        {items.map(({ link, says }) => (
          <li key={says} className="border-t border-line px-4 py-2">
            {link} <span className="text-sm text-muted">{says}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
