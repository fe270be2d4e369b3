// Everything that an operator brings: PostgreSQL, Redis, LiteLLM with its provider, an ingress with TLS, and names.

import { type DebianPostgres, startDebianPostgres } from "@modelfaucet/testkit/debian-postgres.ts";
import { type Ingress, type IngressNames, startIngress } from "@modelfaucet/testkit/ingress.ts";
import { hasLitellm, type Litellm, litellmVersion, startLitellm } from "@modelfaucet/testkit/litellm.ts";
import { freePorts } from "@modelfaucet/testkit/product.ts";
import { startRedis, type TestRedis } from "@modelfaucet/testkit/redis.ts";
import { type StubUpstream, startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import postgres from "postgres";
import { createHostNames, type HostNames } from "./host-names.ts";

export const publicNames: IngressNames = {
  gateway: "gateway.faucet-rehearsal.example",
  api: "api.faucet-rehearsal.example",
  console: "console.faucet-rehearsal.example",
};

export type Stage = {
  readonly names: HostNames;
  readonly database: DebianPostgres;
  readonly redis: TestRedis;
  /** The vendor behind LiteLLM, or what stands in for LiteLLM too. */
  readonly vendor: StubUpstream;
  /** By its internal name. */
  readonly litellmUrl: string;
  readonly says: string;
};

type Closing = (work: () => Promise<void> | void) => void;

/** Each part that was started is handed to `closing` at once, whether the rest starts or not. */
export async function startStage(
  folder: string,
  masterKey: string,
  { withLitellm, closing }: { withLitellm: boolean; closing: Closing },
): Promise<Stage> {
  const names = createHostNames(folder, ["litellm", ...Object.values(publicNames)]);
  closing(() => names.close());
  const [redisPort, litellmPort] = (await freePorts(2)) as [number, number];
  const vendor = await startStubUpstream();
  closing(() => vendor.close());
  const isReal = withLitellm && hasLitellm();
  const kept = async <T>(starting: Promise<T>, end: (started: T) => Promise<void>): Promise<T> => {
    const started = await starting;
    closing(() => end(started));
    return started;
  };
  const [database, redis] = await Promise.all([
    // A killed server must not forget what it has committed.
    kept(startDebianPostgres({ durable: true }), (started) => started.stop()),
    kept(startRedis(redisPort), (started) => started.remove()),
    isReal
      ? kept<Litellm>(startLitellm({ upstreamUrl: vendor.url, masterKey, port: litellmPort }), (started) =>
          started.stop(),
        )
      : null,
  ]);
  // For the scratch database of the drill.
  const superuser = postgres(database.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser`alter role mf_owner createdb`;
  await superuser.end();
  const router = isReal ? `LiteLLM ${litellmVersion()}` : `a stub for LiteLLM, ${reasonFor(withLitellm)}`;
  return {
    names,
    database,
    redis,
    vendor,
    litellmUrl: `http://litellm:${isReal ? litellmPort : vendor.port}`,
    says: `PostgreSQL 15, Redis, ${router}, ${names.where}`,
  };
}

const reasonFor = (wanted: boolean): string =>
  wanted ? "which is not installed (`pnpm litellm:install`)" : "as was asked";

export async function openIngress(
  ports: { gateways: readonly number[]; api: number },
  closing: Closing,
): Promise<Ingress> {
  const local = (port: number): string => `http://127.0.0.1:${port}`;
  const ingress = await startIngress({
    gateways: ports.gateways.map(local),
    api: local(ports.api),
    names: publicNames,
  });
  closing(() => ingress.stop());
  return ingress;
}
