import type { AppPlan, Ground } from "./ground.ts";
import type { BenchOptions, CaseName } from "./options.ts";
import { hotTraffic, mixedTraffic, spreadTraffic, type Traffic } from "./traffic.ts";

const wallets = 1_000;
const mixedApps = 4;

/** Whether any of the cases is measured beside Portkey's gateway. */
export const wantsPortkey = ({ cases }: BenchOptions): boolean =>
  cases.some((name) => name === "hold-settle" || name === "stream" || name === "streams");

/** The apps that the cases want, and no session more: opening them takes longer than many a case. */
export function plansFor({ cases, limits }: BenchOptions): [AppPlan, ...AppPlan[]] {
  const main = { publicAppId: "bench", users: wallets, limits: 0 };
  const others: AppPlan[] = [];
  if (cases.includes("hold-settle") || cases.includes("stream")) {
    for (let place = 2; place <= mixedApps; place++)
      others.push({ publicAppId: `bench-${place}`, users: wallets / mixedApps, limits: 0 });
  }
  for (const step of [3, 8]) {
    if (cases.includes("limits") && (limits ?? step) === step)
      others.push({ publicAppId: `bench-limits-${step}`, users: wallets, limits: step });
  }
  return [main, ...others];
}

/** What a case is measured with unless told otherwise; of `streams` so many at a time. */
export function connectionsOf(name: CaseName): readonly number[] {
  if (name === "streams") return [1_000];
  if (name === "limits") return [64];
  return name === "hold-settle" || name === "stream" ? [1, 64, 256] : [1, 64];
}

/** Whose calls a case sends, each measured by itself. */
export function trafficsOf(
  name: CaseName,
  connections: number,
  { main, others }: Ground,
  limits: number | null,
): Traffic[] {
  if (name === "limits") {
    const apps = [main, ...others.filter((app) => app.limits > 0)];
    return apps.filter((app) => (limits ?? app.limits) === app.limits).map((app) => spreadTraffic(app));
  }
  const single = [hotTraffic(main), spreadTraffic(main)];
  if (connections === 1 || name === "auth" || name === "boundary") return single;
  const free = [main, ...others.filter((app) => app.limits === 0)];
  return [...single, mixedTraffic(free, wallets / mixedApps)];
}
