import { defineConfig } from "vitest/config";
import { leftOut } from "./scripts/test-needs.ts";

// What is slow or needs a database has a project of its own, so that `pnpm check` runs `unit` alone.
const everywhere = ["apps/**", "packages/**", "examples/**", "scripts/**", "bench/**"];
const unused = ["**/node_modules/**", "**/dist/**", ".modelfaucet/**", ".cache/**"];
const withPostgres = { globalSetup: ["packages/testkit/src/global-postgres.ts"] };

export default defineConfig({
  test: {
    allowOnly: false,
    passWithNoTests: true,
    projects: [
      {
        test: {
          name: "unit",
          include: [
            ...everywhere.map((folder) => `${folder}/*.test.{ts,tsx}`),
            "tests/architecture/**/*.test.ts",
          ],
          exclude: [...unused, "**/*.int.test.ts"],
        },
      },
      {
        test: {
          name: "integration",
          include: everywhere.map((folder) => `${folder}/*.int.test.ts`),
          exclude: unused,
          testTimeout: 30_000,
          hookTimeout: 60_000,
          ...withPostgres,
        },
      },
      ...["acceptance", "crash", "conformance", "e2e"].map((name) => ({
        test: {
          name,
          include: [`tests/${name}/**/*.test.ts`],
          exclude: [...unused, ...leftOut],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          ...withPostgres,
        },
      })),
    ],
  },
});
