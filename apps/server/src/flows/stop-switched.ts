import type { ChangeFeed, ChangeKind } from "../lib/change-feed.ts";
import type { Database } from "../lib/db.ts";
import { ApiError } from "../lib/errors.ts";
import { readEndedSessions, refuseSuspended } from "../modules/identity/identity.ts";
import { concerns, type Switched, type Switches } from "../modules/switch/switch.ts";
import type { InFlight, Running } from "./complete/in-flight.ts";
import { switchedOff } from "./switched-off.ts";

type Deps = {
  inFlight: Pick<InFlight, "all" | "onAdmitted">;
  switches: Pick<Switches, "offFor" | "onOff">;
  feed: Pick<ChangeFeed, "on">;
  database: Pick<Database, "read">;
  /** `what` was switched off, or has ended. */
  onStopped: (requestId: string, what: string) => void;
  onError: (error: unknown) => void;
};

/** A request that was admitted with what was known so long before a change is looked at again. */
const admittedWithinMs = 1_000;
const rememberedMs = 60_000;

/**
 * Ends what runs here of everything that is switched off, and of sessions, apps and users that end: within the change
 * feed's own turn, so an instance that says it has seen a change has told its open streams too. A request that is being
 * admitted meanwhile is told as it begins.
 */
export function createSwitchStopper(deps: Deps): void {
  const { inFlight, switches, feed } = deps;
  // What changed lately: a request may have passed its checks just before, and begin just after.
  const changed = new Map<string, number>();

  const stop = (request: Running, kind: string, error: ApiError, side: "payer" | "ours"): void => {
    request.stop({ side, error });
    deps.onStopped(request.requestId, kind);
  };
  const stopSwitched = (request: Running, { kind }: Switched): void =>
    stop(request, kind, switchedOff(kind), isOurs(request, kind) ? "ours" : "payer");
  const stopEnded = async (requests: readonly Running[]): Promise<void> => {
    if (requests.length === 0) return;
    const sessions = requests.map(({ subject: { appId, sessionId } }) => ({ appId, sessionId }));
    const ended = await deps.database.read({ purpose: "cache" }, (tx) => readEndedSessions(tx, sessions));
    for (const request of requests) {
      const why = ended.get(request.subject.sessionId);
      if (why !== undefined) stop(request, why.kind, endingOf(why), "payer");
    }
  };
  const noteChange = (group: string): void => {
    const now = performance.now();
    for (const [old, at] of changed) {
      if (now - at < rememberedMs) break;
      changed.delete(old);
    }
    changed.delete(group);
    changed.set(group, now);
  };

  switches.onOff((switched) => {
    for (const request of inFlight.all()) {
      if (concerns(request.subject, switched)) stopSwitched(request, switched);
    }
  });
  for (const [kind, idOf] of groups) {
    feed.on(kind, (id) => {
      noteChange(`${kind} ${id}`);
      return stopEnded([...inFlight.all()].filter((request) => idOf(request) === id));
    });
  }
  inFlight.onAdmitted((request) => {
    const off = switches.offFor(request.subject);
    if (off !== null) return stopSwitched(request, off);
    const since = request.startedAt - admittedWithinMs;
    if (changed.size === 0) return;
    if (groups.some(([kind, idOf]) => (changed.get(`${kind} ${idOf(request)}`) ?? 0) > since)) {
      void stopEnded([request]).catch(deps.onError);
    }
  });
}

/** Whose change can end a session: what the change feed names it by. */
const groups: readonly (readonly [kind: ChangeKind, idOf: (request: Running) => string])[] = [
  ["session", ({ subject }) => subject.sessionId],
  ["end_user", ({ subject }) => subject.endUserId],
  ["app", ({ subject }) => subject.appId],
];

/** What nobody on the payer's side did: the platform, an upstream, a key of the platform's own. */
function isOurs(request: Running, kind: Switched["kind"]): boolean {
  if (kind === "credential") return request.route.mode === "platform";
  return kind === "platform" || kind === "provider";
}

function endingOf(why: {
  kind: "session" | "owner";
  state: Parameters<typeof refuseSuspended>[0];
}): ApiError {
  if (why.kind === "owner") {
    try {
      refuseSuspended(why.state);
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }
  return new ApiError("invalid_session", "This session has ended; open a new one.");
}
