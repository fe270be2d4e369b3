// A fresh copy of the repository, as a clone would be: what git knows or would take, and nothing that was installed.
import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export type Copy = Disposable & {
  folder: string;
  /** As it was in the beginning, but for what is installed and the platform's data. */
  restore(): void;
};

export function freshCopy(root: string): Copy {
  const folder = mkdtempSync(join(tmpdir(), "modelfaucet-docs-"));
  // PostgreSQL refuses to run as root and runs as another user, who has to get in.
  chmodSync(folder, 0o755);
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const path of listed.split("\0")) {
    if (path === "" || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    cpSync(join(root, path), join(folder, path));
  }
  // The pinned Node is a download and no part of what a page says.
  const runtime = join(root, ".cache", "node-runtime");
  if (existsSync(runtime)) {
    mkdirSync(join(folder, ".cache"));
    symlinkSync(runtime, join(folder, ".cache", "node-runtime"));
  }
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "core.safecrlf=false", ...args], { cwd: folder });
  git("init", "--quiet");
  git("add", "--all");
  const kept = ["node_modules", ".modelfaucet", ".cache"].flatMap((name) => ["--exclude", name]);
  return {
    folder,
    restore: () => {
      git("clean", "-fdxq", ...kept);
      git("checkout-index", "--force", "--all", "--quiet");
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}
