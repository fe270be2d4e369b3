import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import * as routes from "@modelfaucet/contract/routes/switches.ts";
import {
  type Acknowledged,
  acknowledgedBy,
  requireTarget,
  type SwitchDeps,
  setSwitch,
} from "../../flows/switches.ts";
import { readSeenVersions } from "../../lib/change-feed.ts";
import { ApiError } from "../../lib/errors.ts";
import { listSwitches, type StoredSwitch } from "../../modules/switch/switch.ts";
import { type Mounted, mount } from "../mount.ts";
import { cursorOf, placeForms, placeOf } from "../place-cursor.ts";

/** What operators switch off, slow down, and lift again. */
export function adminSwitchRoutes(deps: SwitchDeps): Mounted[] {
  return [
    mount(routes.listSwitches, ({ query, read }) =>
      read(async (tx) => {
        const { target_type: kind, target_id: named, state, from, to, limit } = query;
        if (named !== undefined && kind === undefined) {
          throw new ApiError("invalid_request", "Name the target_type of the target_id.", {
            param: "target_type",
          });
        }
        const target =
          kind === undefined || named === undefined ? undefined : await requireTarget(tx, kind, named);
        const before = placeOf(query.cursor, placeForms.number);
        const rows = await listSwitches(tx, {
          kind,
          targetId: target?.targetId,
          state,
          from,
          to,
          before,
          limit: limit + 1,
        });
        const seen = await readSeenVersions(tx);
        const items = rows.slice(0, limit).map((row) => switchAnswer(row, acknowledgedBy(seen, row)));
        const last = rows.length > limit ? rows[limit - 1]! : null;
        return { items, next_cursor: cursorOf(last === null ? null : last.version.toString()) };
      }),
    ),
    mount(routes.setSwitch, async ({ body, audit }) => {
      if ((body.state === "throttled") !== (body.throttle_rpm !== undefined)) {
        throw new ApiError(
          "invalid_request",
          "throttle_rpm belongs to the state throttled, which needs it.",
          {
            param: "throttle_rpm",
          },
        );
      }
      if (body.state === "on" && body.until !== undefined) {
        throw new ApiError("invalid_request", "What is on has no end; leave until out.", { param: "until" });
      }
      const { row, instances } = await setSwitch(deps, audit, {
        kind: body.target_type,
        target: body.target_id,
        state: body.state,
        throttleRpm: body.throttle_rpm ?? null,
        until: body.until ?? null,
        reason: body.reason,
      });
      return switchAnswer(row, instances);
    }),
  ];
}

function switchAnswer(row: StoredSwitch, instances: Acknowledged): AnswerOf<typeof routes.setSwitch> {
  return {
    target_type: row.kind,
    ...(row.targetName === null ? {} : { target_id: row.targetName }),
    state: row.state,
    ...(row.throttleRpm === null ? {} : { throttle_rpm: row.throttleRpm }),
    reason: row.reason,
    ...(row.until === null ? {} : { until: row.until.toISOString() }),
    changed_by: row.setBy,
    changed_at: row.changedAt.toISOString(),
    instances,
  };
}
