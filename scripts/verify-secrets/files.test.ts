import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { newToken } from "@modelfaucet/server/lib/ids.ts";
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

test("the command ends with 1 and names file, line and kind, never the value; with 0 where there is nothing", () => {
  const script = join(import.meta.dirname, "../verify-secrets.ts");
  const run = (env: NodeJS.ProcessEnv, ...flags: string[]) =>
    spawnSync(process.execPath, [script, "--root", root, ...flags], { encoding: "utf8", env });
  const token = newToken("mf_admin_");
  write("notes/keys.txt", `first line\n${token}\nhunter-Xy7pQw2LkVd9Rt`);
  git("add", "notes");
  git("commit", "-q", "-m", "fourth");
  const found = run({ PATH: process.env.PATH, MY_PASSWORD: "hunter-Xy7pQw2LkVd9Rt" });
  expect(found.status).toBe(1);
  expect(found.stdout).toContain(
    "notes/keys.txt:2 token of ModelFaucet\nnotes/keys.txt:3 value of MY_PASSWORD\n",
  );
  for (const secret of [token, "Xy7pQw2"]) expect(found.stdout + found.stderr).not.toContain(secret);
  git("rm", "-q", "notes/keys.txt");
  git("commit", "-q", "-m", "fifth");
  expect(run({ PATH: process.env.PATH }).status).toBe(0);
  const old = run({ PATH: process.env.PATH }, "--history", "--json");
  expect(old.status).toBe(1);
  expect(JSON.parse(old.stdout)).toMatchObject({
    ok: false,
    findings: [{ file: expect.stringMatching(/^notes\/keys\.txt@/), line: 2, kind: "token of ModelFaucet" }],
  });
});
