import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockDataFolder, lockHolder } from "./folder-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "folder-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const lockFile = () => join(folder, "platform.lock");

test("a second user of a data folder is refused and told who the first one is", () => {
  const unlock = lockDataFolder(folder, "npm start");
  expect(() => lockDataFolder(folder, "pnpm books")).toThrow(
    `in use by \`npm start\` (process ${process.pid})`,
  );
  expect(lockHolder(folder)).toMatchObject({ pid: process.pid, command: "npm start" });
  unlock();
  expect(existsSync(lockFile())).toBe(false);
  lockDataFolder(folder, "pnpm books")();
});

test("the lock of a process that is gone is taken over", () => {
  writeFileSync(lockFile(), JSON.stringify({ pid: 2 ** 22 + 1, startedTicks: "1", command: "npm start" }));
  expect(lockHolder(folder)).toBeNull();
  lockDataFolder(folder, "npm start")();
});

test("a lock whose number now belongs to another process is taken over", () => {
  writeFileSync(lockFile(), JSON.stringify({ pid: process.ppid, startedTicks: "1", command: "npm start" }));
  lockDataFolder(folder, "npm start");
  expect(JSON.parse(readFileSync(lockFile(), "utf8")).pid).toBe(process.pid);
});

test("a lock that was cut short by a crash is taken over", () => {
  writeFileSync(lockFile(), "");
  lockDataFolder(folder, "npm start")();
});
