import type { SwitchTarget } from "@modelfaucet/contract/objects/switch.ts";

/** A switch that is not `on`, as the memory copy holds it. */
export type SwitchRow = {
  readonly kind: SwitchTarget;
  readonly targetId: string;
  readonly state: "off" | "throttled";
  readonly throttleRpm: number | null;
  /** When it ends by itself, by the database's clock; `null`: not before somebody lifts it. */
  readonly untilMs: number | null;
};

/** What one request belongs to, and what it runs on where that is known. */
export type SwitchSubject = {
  readonly developerId?: string | null | undefined;
  readonly appId?: string | null | undefined;
  readonly featureKey?: string | null | undefined;
  readonly endUserId?: string | null | undefined;
  readonly sessionId?: string | null | undefined;
  readonly provider?: string | null | undefined;
  readonly credentialId?: string | null | undefined;
};

/** The platform has no id; this stands for one. */
export const platformId = "platform";

/** A feature is known by its app and its key, so that one which is made again under the key stays off. */
export const featureTarget = (appId: string, featureKey: string): string => `${appId}/${featureKey}`;

export const switchKey = (kind: SwitchTarget, targetId: string): string => `${kind} ${targetId}`;

/**
 * Everything that a switch could stop this request by, in the order in which it is told. A wallet has the id of its end
 * user.
 */
export function targetsOf(subject: SwitchSubject): { kind: SwitchTarget; id: string }[] {
  const targets: { kind: SwitchTarget; id: string }[] = [{ kind: "platform", id: platformId }];
  const add = (kind: SwitchTarget, id: string | null | undefined): void => {
    if (id !== null && id !== undefined) targets.push({ kind, id });
  };
  add("session", subject.sessionId);
  add("developer", subject.developerId);
  add("app", subject.appId);
  add("end_user", subject.endUserId);
  add("wallet", subject.endUserId);
  if (subject.appId && subject.featureKey) add("feature", featureTarget(subject.appId, subject.featureKey));
  add("provider", subject.provider);
  add("credential", subject.credentialId);
  return targets;
}

/** Its end needs nobody: every instance computes it from the same clock. */
export function isInForce(row: Pick<SwitchRow, "untilMs">, nowMs: number): boolean {
  return row.untilMs === null || nowMs < row.untilMs;
}

/** Whether that switch stops this request. */
export function concerns(subject: SwitchSubject, switched: { kind: SwitchTarget; id: string }): boolean {
  return targetsOf(subject).some(({ kind, id }) => kind === switched.kind && id === switched.id);
}
