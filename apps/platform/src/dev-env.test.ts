import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadDevEnv } from "./dev-env.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dev-env-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("the first start writes three random secrets that only the owner may read", () => {
  const secrets = loadDevEnv(folder, {});
  expect(new Set(Object.values(secrets)).size).toBe(3);
  for (const secret of Object.values(secrets)) expect(secret).toMatch(/^[\w-]{40,}$/);
  expect(statSync(join(folder, "dev.env")).mode & 0o777).toBe(0o600);
});

test("later starts read the same secrets", () => {
  expect(loadDevEnv(folder, {})).toEqual(loadDevEnv(folder, {}));
});

test("the environment wins over the file, and is not written into it", () => {
  const first = loadDevEnv(folder, {});
  const second = loadDevEnv(folder, { ADMIN_TOKEN: "from-the-environment", DEVELOPER_ADMIN_TOKEN: "  " });
  expect(second).toEqual({ ...first, ADMIN_TOKEN: "from-the-environment" });
  expect(readFileSync(join(folder, "dev.env"), "utf8")).not.toContain("from-the-environment");
});

test("a secret that is missing in the file is added, the others and foreign lines stay", () => {
  writeFileSync(join(folder, "dev.env"), "ADMIN_TOKEN=kept\nOTHER=line\n");
  expect(loadDevEnv(folder, {}).ADMIN_TOKEN).toBe("kept");
  expect(readFileSync(join(folder, "dev.env"), "utf8")).toMatch(
    /^ADMIN_TOKEN=kept\nOTHER=line\nSECRET_ENCRYPTION_KEY=.+/,
  );
});
