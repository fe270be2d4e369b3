import type { AnswerOf } from "@modelfaucet/contract/route.ts";
import * as routes from "@modelfaucet/contract/routes/key-rotations.ts";
import { finishRotation, type RotationDeps, startRotation } from "../../flows/key-rotation.ts";
import { ApiError } from "../../lib/errors.ts";
import { listRotations, type Rotation, readRotation } from "../../modules/key-rotation/key-rotation.ts";
import { pageOf } from "../list.ts";
import { type Mounted, mount } from "../mount.ts";
import { pageQueryOf } from "./developer-paging.ts";

/** Turning the encryption key. No key, and nothing that is made of one, is told here. */
export function adminKeyRotationRoutes(deps: RotationDeps): Mounted[] {
  return [
    mount(routes.startKeyRotation, async ({ actor, audit, body: { reason } }) =>
      rotationAnswer(await startRotation(deps, audit, { reason, startedBy: actor.person })),
    ),
    mount(routes.listKeyRotations, async ({ query, read }) => {
      const rows = await read((tx) => listRotations(tx, pageQueryOf(query)));
      const placeOf = ({ startedAt, id }: Rotation) => ({ at: startedAt.toISOString(), id });
      return pageOf(rows, query.limit, placeOf, rotationAnswer);
    }),
    mount(routes.readKeyRotation, async ({ params, read }) => {
      const rotation = await read((tx) => readRotation(tx, params.id));
      if (!rotation) throw new ApiError("not_found", "There is no such rotation.");
      return rotationAnswer(rotation);
    }),
    mount(routes.finishKeyRotation, async ({ audit, params: { id }, body: { reason } }) =>
      rotationAnswer(await finishRotation(deps, audit, { id, reason })),
    ),
  ];
}

function rotationAnswer(rotation: Rotation): AnswerOf<typeof routes.readKeyRotation> {
  const { id, kind, status, done, total, unopened, reason, startedBy, startedAt, finishedAt } = rotation;
  return {
    id,
    kind,
    status,
    done,
    total,
    ...(Object.keys(unopened).length === 0 ? {} : { unopened }),
    reason,
    started_by: startedBy,
    started_at: startedAt.toISOString(),
    ...(finishedAt === null ? {} : { old_valid_until: finishedAt.toISOString() }),
  };
}
