import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { filesOfHistory, filesOfTree } from "./files.ts";

const root = mkdtempSync(join(tmpdir(), "mf-verify-secrets-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function git(...args: string[]): void {
  const person = [
    "-c",
    "user.name=Test",
    "-c",
    "user.email=test@localhost",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "core.hooksPath=/dev/null",
  ];
  execFileSync("git", [...person, ...args], { cwd: root, stdio: "ignore" });
}

const pathsOfTree = () => [...filesOfTree(root)].map(({ path }) => path);

test("the tree is what is tracked or would be, built pages and env files though ignored, and nothing of others", () => {
  write(".gitignore", "dist/\n.env\nnode_modules/\n*.log\n");
  write("tracked.txt", "one");
  write("untracked.txt", "two");
  write("apps/page/dist/assets/index.js", "three");
  write("apps/page/.env", "four");
  write("node_modules/thing/.env", "five");
  write("apps/page/node_modules/thing/dist/a.js", "six");
  write("ignored.log", "seven");
  const all = [
    ".gitignore",
    "apps/page/.env",
    "apps/page/dist/assets/index.js",
    "tracked.txt",
    "untracked.txt",
  ];
  // Without git nothing is ignored.
  expect(pathsOfTree()).toEqual([...all.slice(0, 3), "ignored.log", ...all.slice(3)]);
  git("init", "-q");
  git("add", "tracked.txt", ".gitignore");
  expect(pathsOfTree()).toEqual(all);
});

test("the history has every version, also of what is gone", () => {
  git("commit", "-q", "-m", "first");
  write("tracked.txt", "one, changed\nline two");
  git("commit", "-q", "-a", "-m", "second");
  git("rm", "-q", "tracked.txt");
  git("commit", "-q", "-m", "third");
  const versions = [...filesOfHistory(root)].filter(({ path }) => path === "tracked.txt");
  expect(versions.map(({ text }) => text).sort()).toEqual(["one", "one, changed\nline two"]);
  expect(versions[0]!.name).toMatch(/^tracked\.txt@[0-9a-f]{12}$/);
});
