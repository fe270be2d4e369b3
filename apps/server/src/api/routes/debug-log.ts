import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import * as routes from "@modelfaucet/contract/routes/debug-log.ts";
import {
  type DebugLog,
  type DebugLogDeps,
  readDebugCall,
  readDebugLog,
  setDebugLog,
} from "../../flows/debug-log.ts";
import { ApiError } from "../../lib/errors.ts";
import { requestIdOf, uuidOfPrefixed } from "../../lib/ids.ts";
import { type Mounted, mount } from "../mount.ts";

export function debugLogRoutes(deps: DebugLogDeps): Mounted[] {
  return [
    mount(routes.startDebugLog, async ({ actor, audit, params, body: { minutes, reason } }) =>
      logAnswer(await setDebugLog(deps, actor.caller, audit, { ...params, minutes, reason })),
    ),
    mount(routes.readDebugLog, async ({ actor, params, read }) =>
      logAnswer(await read((tx) => readDebugLog(tx, actor.caller, params.publicAppId))),
    ),
    mount(routes.stopDebugLog, async ({ actor, audit, params }) =>
      logAnswer(await setDebugLog(deps, actor.caller, audit, { ...params, minutes: null, reason: null })),
    ),
    mount(routes.readDebugCall, async ({ actor, audit, params }) => {
      const requestId = uuidOfPrefixed(params.request_id, "req_");
      if (requestId === null) throw new ApiError("not_found", "There is no record of this call.");
      const { createdAt, bodies } = await readDebugCall(deps, actor.caller, audit, {
        publicAppId: params.publicAppId,
        requestId,
      });
      return { request_id: requestIdOf(requestId), created_at: createdAt.toISOString(), ...bodies };
    }),
  ];
}

function logAnswer({ on, until, changedBy, items }: DebugLog): AnswerOf<typeof routes.readDebugLog> {
  return {
    on,
    ...(until === null ? {} : { until: until.toISOString() }),
    ...(changedBy === null ? {} : { changed_by: changedBy }),
    items: items.map(({ requestId, createdAt }) => ({
      request_id: requestIdOf(requestId),
      created_at: createdAt.toISOString(),
    })),
  };
}
