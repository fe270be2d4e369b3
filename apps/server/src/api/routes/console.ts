import * as routes from "@modelfaucet/contract/routes/console.ts";
import {
  recordFailedBurst,
  signInByLink,
  signInByToken,
  signOut,
  stepUp,
  switchSession,
} from "../../flows/console-sign-in.ts";
import type { Database } from "../../lib/db.ts";
import { ApiError } from "../../lib/errors.ts";
import { addressPrefix } from "../../lib/log.ts";
import type { Metrics } from "../../lib/metrics.ts";
import {
  type BootstrapCredentials,
  type ConsoleSession,
  createSignInPause,
  type DeveloperTokens,
  type OperatorTokens,
} from "../../modules/identity/identity.ts";
import { type ConsoleActor, scopesOf } from "../actor.ts";
import { actorOfSession, type ConsoleDoor, cookieEnding, cookieOpening } from "../console-door.ts";
import { type Call, type Mounted, mount } from "../mount.ts";

export type ConsoleDeps = {
  console: ConsoleDoor;
  database: Database;
  developerTokens: DeveloperTokens;
  operatorTokens: OperatorTokens;
  bootstrap: BootstrapCredentials;
  metrics: Pick<Metrics, "authFailures">;
  onError: (error: unknown) => void;
};

/** How long the browser keeps the cookie: as long as such a session can live. */
const cookieSeconds = { developer: 7 * 86_400, operator: 12 * 3_600 };

export function consoleRoutes(deps: ConsoleDeps): Mounted[] {
  const pause = createSignInPause(
    () => performance.now(),
    (address) => recordFailedBurst(deps, addressPrefix(address) ?? null).catch(deps.onError),
  );
  const tried = <T>(address: string, attempt: () => Promise<T>): Promise<T> =>
    pause.run(address, attempt).catch((error: unknown) => {
      if (error instanceof ApiError) {
        deps.metrics.authFailures.inc({ service: "@modelfaucet/api", kind: "sign_in" });
      }
      throw error;
    });
  const open = async (call: SignInCall, signIn: () => Promise<string>) => {
    refuseOtherPages(deps.console, call.origin);
    const cookie = await tried(call.address, signIn);
    const session = await deps.console.sessions.find(cookie, call.address);
    call.setCookie(cookieOpening(deps.console, cookie, cookieSeconds[session.kind]));
    return sessionAnswer(session);
  };
  return [
    mount(routes.signIn, (call) => open(call, () => signInByLink(deps, call.audit, call.body.code))),
    mount(routes.exchangeToken, (call) =>
      open(call, () => signInByToken(deps, call.audit, call.body.token, call.address)),
    ),
    mount(routes.readConsoleSession, async ({ actor }) => answerOf(actor)),
    mount(routes.endConsoleSession, async ({ actor, audit, setCookie }) => {
      await signOut(deps, audit, actor.console);
      setCookie(cookieEnding(deps.console));
      return { ok: true };
    }),
    mount(routes.stepUpConsoleSession, ({ actor, audit, body, address }) =>
      tried(address, async () => {
        const proof = body.code === undefined ? { token: body.token! } : { code: body.code };
        return sessionAnswer(await stepUp(deps, audit, actor.console, proof, address));
      }),
    ),
    mount(routes.switchConsoleSession, async ({ actor, audit, body }) => {
      const to = body.developer_id === undefined ? "operator" : { developerId: body.developer_id };
      return sessionAnswer(await switchSession(deps, audit, actor.console, to));
    }),
  ];
}

type SignInCall = Call<typeof routes.signIn> | Call<typeof routes.exchangeToken>;

/** A page of somebody else must not sign a browser in: it would go on under a name that is not its owner's. */
function refuseOtherPages(door: ConsoleDoor, origin: string | undefined): void {
  if (origin !== undefined && door.origins.includes(origin)) return;
  throw new ApiError("forbidden", "Only a page of the console signs in here; open the console's address.", {
    details: { reason: "origin" },
  });
}

const answerOf = (actor: ConsoleActor) => sessionAnswer(actor.console);

function sessionAnswer(session: ConsoleSession) {
  const { person, kind, developer } = session;
  return {
    person: { name: person.name, ...(person.email === null ? {} : { email: person.email }) },
    kind,
    ...(kind === "operator" || developer === null ? {} : { developer_id: developer.id }),
    scopes: [...scopesOf(actorOfSession(session))],
    csrf_token: session.csrfToken,
    authenticated_at: new Date(session.provedAtMs).toISOString(),
    expires_at: new Date(session.expiresAtMs).toISOString(),
  };
}
