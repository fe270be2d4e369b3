import { Link } from "@tanstack/react-router";

/** The way from the apps to a screen of one app. */
export function AppPath({ appId, here }: { appId: string; here: string }) {
  return (
    <nav aria-label="Path" className="mb-4 flex min-w-0 items-center gap-2 text-sm text-muted">
      <Link to="/apps" className="link flex-none">
        Apps
      </Link>
      <span className="text-faint">/</span>
      <Link
        to="/apps/$appId"
        params={{ appId }}
        data-up=""
        className="link min-w-0 truncate font-mono text-xs"
      >
        {appId}
      </Link>
      <span className="text-faint">/</span>
      <span className="min-w-0 truncate">{here}</span>
    </nav>
  );
}
