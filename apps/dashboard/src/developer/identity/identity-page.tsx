import { useQuery } from "@tanstack/react-query";
import { useParams, useRouteContext } from "@tanstack/react-router";
import { may } from "../../api/session.ts";
import { Answer } from "../../ui/answer.tsx";
import { Facts } from "../../ui/facts.tsx";
import { FullMoment } from "../../ui/moment.tsx";
import { PageHead } from "../../ui/page-head.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { AppPath } from "../apps/app-path.tsx";
import { type AppItem, appQuery } from "../apps/apps-query.ts";
import { KeySetCard } from "./key-set-card.tsx";
import { RotateSecretButton } from "./rotate-secret-button.tsx";
import { TestTokenCard } from "./test-token-card.tsx";

/** How an app proves who its users are: by a secret that turns, or by a key set. */
export function IdentityPage() {
  const { appId } = useParams({ from: "/console/apps/$appId/identity" });
  const query = useQuery(appQuery(appId));
  return (
    <>
      <title>Identity · ModelFaucet</title>
      <AppPath appId={appId} here="Identity" />
      <Answer page query={query} skeleton={<Skeleton rows={8} />}>
        {(app) => <Screen app={app} />}
      </Answer>
    </>
  );
}

function Screen({ app }: { app: AppItem }) {
  const { session } = useRouteContext({ from: "/console" });
  const mayWrite = may(session, "developer:apps:write");
  return (
    <>
      <PageHead title="Identity" note="How your backend proves who a user is.">
        {mayWrite && app.identity.kind === "secret" && <RotateSecretButton app={app} />}
      </PageHead>
      <Facts items={factsOf(app)} />
      <div className="grid grid-cols-2 items-start gap-5 max-lg:grid-cols-1">
        <KeySetCard key={app.version} app={app} mayWrite={mayWrite} />
        {mayWrite && <TestTokenCard app={app} />}
      </div>
    </>
  );
}

function factsOf({ identity_mode: mode, identity }: AppItem) {
  const { kind, secret_prefix: prefix, previous_valid_until: until, jwks_url: url, issuer } = identity;
  const keySet = url === undefined ? "kept here" : <span title={url}>{url}</span>;
  return [
    { name: "Users are proved by", value: modeWords[mode] },
    kind === "secret"
      ? {
          name: "Identity secret",
          value: prefix ? <span className="font-mono text-sm">{prefix}…</span> : "none yet",
        }
      : { name: "Key set", wide: true, value: keySet },
    ...(until === undefined ? [] : [{ name: "The secret before ends", value: <FullMoment at={until} /> }]),
    { name: "Issuer", value: issuer ?? <span className="text-muted">any</span> },
  ];
}

const modeWords = {
  signed: "a token that your backend signs",
  server: "your backend alone",
  demo: "nothing (demo)",
} as const;
