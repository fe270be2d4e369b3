import type { Database } from "../lib/db.ts";
import {
  findLocalUsage,
  insertLocalUsage,
  type LocalUsage,
  monthsWithPlace,
} from "../modules/books/books.ts";
import { mayUseFeature, type SessionContext } from "../modules/identity/identity.ts";
import type { PlannableFeature } from "./complete/plan.ts";

/** One report as the bridge writes it. */
export type LocalReport = {
  request_id: string;
  app_id: string;
  end_user_id_hash: string;
  feature_key: string;
  provider: string;
  model: string;
  input_tokens: number;
  output_tokens: number;
  created_at: string;
  usage_source?: "provider" | "estimated" | undefined;
  duration_ms?: number | undefined;
};

export type ReportStatus = {
  request_id: string;
  status: "accepted" | "duplicate" | "rejected";
  reason?: RejectionReason;
};

/** `time`: made in the future, or longer ago than a bridge keeps reports. `id`: the id is another request's. */
type RejectionReason = "app" | "user" | "feature" | "policy" | "time" | "id";

export type LocalUsageDeps = {
  database: Database;
  priceVersion: () => number;
  epoch: () => Promise<number>;
  nowMs: () => number;
};

const prefix = "req_local_";
const oldestMs = 31 * 86_400_000;
const aheadMs = 10 * 60_000;

/**
 * Takes what a user's own machine reports of itself: statistics that charge nothing. App and user are the session's; what
 * names others is turned away, one by one, and a second report of the same request changes nothing.
 */
export async function recordLocalUsage(
  deps: LocalUsageDeps,
  session: SessionContext,
  features: readonly PlannableFeature[],
  reports: readonly LocalReport[],
): Promise<ReportStatus[]> {
  const judged = reports.map((report) => ({
    report,
    reason: refusalOf(report, session, features, deps.nowMs()),
  }));
  const wanted = new Map<string, LocalUsage>();
  for (const { report, reason } of judged) {
    if (reason !== null) continue;
    const usage = usageOf(report, session, features, deps.priceVersion());
    if (!wanted.has(usage.id)) wanted.set(usage.id, usage);
  }
  const outcome = wanted.size > 0 ? await write(deps, session, [...wanted.values()]) : noRows;
  return judged.map(({ report, reason }): ReportStatus => {
    const { request_id } = report;
    const id = idOf(report);
    if (reason !== null) return { request_id, status: "rejected", reason };
    // Of two in one delivery the first is the one that counts.
    if (outcome.written.delete(id)) return { request_id, status: "accepted" };
    if (outcome.known.has(id)) return { request_id, status: "duplicate" };
    return { request_id, status: "rejected", reason: outcome.unplaced.has(id) ? "time" : "id" };
  });
}

type Written = { written: Set<string>; known: Set<string>; unplaced: Set<string> };
const noRows: Written = { written: new Set(), known: new Set(), unplaced: new Set() };

async function write(
  deps: LocalUsageDeps,
  session: SessionContext,
  usage: readonly LocalUsage[],
): Promise<Written> {
  const epoch = await deps.epoch();
  return deps.database.write({ purpose: "settlement" }, async (tx) => {
    const places = await monthsWithPlace(tx, [...new Set(usage.map(({ id }) => monthOf(id)))]);
    const placed = usage.filter(({ id }) => places.has(monthOf(id)));
    const ids = placed.map(({ id }) => id);
    const written = placed.length > 0 ? await insertLocalUsage(tx, placed, epoch) : new Set<string>();
    const unplaced = new Set(usage.filter(({ id }) => !places.has(monthOf(id))).map(({ id }) => id));
    return { written, known: await findLocalUsage(tx, session, ids), unplaced };
  });
}

function refusalOf(
  report: LocalReport,
  session: SessionContext,
  features: readonly PlannableFeature[],
  nowMs: number,
): RejectionReason | null {
  if (report.app_id !== session.publicAppId) return "app";
  if (report.end_user_id_hash !== session.endUserHash) return "user";
  const feature = features.find(({ featureKey }) => featureKey === report.feature_key);
  if (!feature || !mayUseFeature(session, feature.featureKey)) return "feature";
  if (!feature.policy.route_preference.includes("local")) return "policy";
  const ageMs = nowMs - timeOf(idOf(report));
  return ageMs < -aheadMs || ageMs > oldestMs ? "time" : null;
}

function usageOf(
  report: LocalReport,
  session: SessionContext,
  features: readonly PlannableFeature[],
  priceVersion: number,
): LocalUsage {
  const feature = features.find(({ featureKey }) => featureKey === report.feature_key)!;
  return {
    id: idOf(report),
    appId: session.appId,
    developerId: session.developerId,
    endUserId: session.endUserId,
    sessionId: session.sessionId,
    featureId: feature.id,
    featureKey: feature.featureKey,
    featureVersion: feature.version,
    priceVersion,
    provider: report.provider,
    model: report.model,
    inputTokens: report.input_tokens,
    outputTokens: report.output_tokens,
    usageSource: report.usage_source ?? "provider",
    durationMs: report.duration_ms ?? 0,
  };
}

const idOf = ({ request_id }: LocalReport): string => request_id.slice(prefix.length);

/** The instant inside a UUID of version 7, in milliseconds. Source: RFC 9562, section 5.7. */
const timeOf = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);

/** `2026_11`, as the log's months are named. */
const monthOf = (id: string): string => new Date(timeOf(id)).toISOString().slice(0, 7).replace("-", "_");
