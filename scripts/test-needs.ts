// What single tests need from the machine beyond Node. Where it is missing they are left out of the run, which says so:
// a test that did not run never counts as passed.
import { existsSync } from "node:fs";
import { hasLitellm } from "@modelfaucet/testkit/litellm.ts";

export type Need = {
  /** What is missing, and how to get it. */
  readonly sentence: string;
  readonly isMet: boolean;
  /** Tests that are left out without it. */
  readonly files: readonly string[];
};

const isRootOnLinux = process.platform === "linux" && process.getuid?.() === 0;

export const needs: readonly Need[] = [
  {
    sentence: "no nginx was found, install the package `nginx-light`",
    isMet: existsSync("/usr/sbin/nginx"),
    files: [
      "tests/acceptance/ingress*.test.ts",
      "tests/acceptance/hosted-smoke.test.ts",
      "tests/acceptance/hosted-rehearse.test.ts",
      "tests/acceptance/one-vm.test.ts",
    ],
  },
  {
    sentence: "no systemd-analyze was found, install the package `systemd`",
    isMet: existsSync("/usr/bin/systemd-analyze"),
    files: ["tests/acceptance/one-vm-units.test.ts"],
  },
  {
    sentence: "no PostgreSQL 15 was found, install the package `postgresql-15`",
    isMet: existsSync("/usr/lib/postgresql/15/bin/initdb"),
    files: ["tests/acceptance/one-vm.test.ts", "tests/acceptance/hosted-rehearse.test.ts"],
  },
  {
    sentence: "no PgBouncer was found, install the package `pgbouncer`",
    isMet: existsSync("/usr/sbin/pgbouncer"),
    files: ["tests/acceptance/*pooler*.test.ts"],
  },
  {
    sentence: "only root on Linux can imitate a container and a service",
    isMet: isRootOnLinux,
    files: [
      "tests/acceptance/image.test.ts",
      "tests/acceptance/one-vm.test.ts",
      "tests/acceptance/hosted-rehearse.test.ts",
    ],
  },
  {
    sentence: "no PostgreSQL 15 was found, install the package `postgresql-15`",
    isMet: existsSync("/usr/lib/postgresql/15/bin/pg_dump"),
    files: ["tests/acceptance/backup.test.ts", "tests/crash/backup.test.ts"],
  },
  {
    sentence: "no Redis was found, install the package `redis-server`",
    isMet: existsSync("/usr/bin/redis-server"),
    files: ["tests/acceptance/*redis*.test.ts", "tests/acceptance/hosted-rehearse.test.ts"],
  },
  {
    sentence: "LiteLLM is not installed, run `pnpm litellm:install` (it takes a Python 3 with venv)",
    // `npm test` installs it while the first tests run.
    get isMet() {
      return hasLitellm();
    },
    files: ["tests/conformance/litellm.test.ts"],
  },
];

/** Globs of the tests that cannot run here. */
export const leftOut: readonly string[] = needs.filter(({ isMet }) => !isMet).flatMap(({ files }) => files);
