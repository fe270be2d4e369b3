// Runs programs as a container would: as an unprivileged user without capabilities, everything read-only but an empty
// /tmp, host names of its own. Where the machine allows no mount namespace, the user and the files' owner must do.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { appendFileSync, chownSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Sandbox = {
  /** True: everything is mounted read-only. False: the user owns nothing, that is all. */
  readonly isReadOnly: boolean;
  start(argv: readonly string[], environment: Record<string, string>, workdir: string): Confined;
  /** Runs to the end. */
  run(
    argv: readonly string[],
    environment: Record<string, string>,
    workdir: string,
  ): Promise<{ code: number | null; output: string }>;
  close(): void;
};

export type Confined = {
  readonly child: ChildProcess;
  output(): string;
  /** With `null` where a signal ended it. */
  readonly ended: Promise<number | null>;
};

const inNamespace = `set -e
mount -t tmpfs -o mode=1777,size=256m tmpfs /tmp
mount --bind "$0" /etc/hosts
[ -z "$3" ] || mount --bind "$3" "$3"
mount -o remount,ro,bind /
exec setpriv --reuid="$1" --regid="$2" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all -- "\${@:4}"`;

/**
 * `hosts`: names that programs inside find on loopback. `writable`: a folder of the user's own. @throws Error where this is no Linux or not root: only root can
 * become somebody else
 */
export function createSandbox(options: {
  folder: string;
  user: string;
  hosts: readonly string[];
  writable?: string;
}): Sandbox {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new Error("a container is imitated on Linux and by root alone");
  const [uid, gid] = options.user.split(":").map(Number) as [number, number];
  if (options.writable) chownSync(options.writable, uid, gid);
  const hostsFile = join(options.folder, "hosts");
  const line = `127.0.0.1 ${options.hosts.join(" ")} # modelfaucet-rehearsal\n`;
  writeFileSync(hostsFile, `${readFileSync("/etc/hosts", "utf8")}\n${line}`, { mode: 0o644 });
  const isReadOnly = allowsNamespaces();
  if (!isReadOnly) appendFileSync("/etc/hosts", line);
  const start: Sandbox["start"] = (argv, environment, workdir) => {
    const words = isReadOnly
      ? [
          "unshare",
          "--mount",
          "bash",
          "-c",
          inNamespace,
          hostsFile,
          String(uid),
          String(gid),
          options.writable ?? "",
          ...argv,
        ]
      : [...argv];
    const child = spawn(words[0]!, words.slice(1), {
      cwd: workdir,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      ...(isReadOnly ? {} : { uid, gid }),
    });
    let output = "";
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-100_000);
      });
    const ended = new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(code));
    });
    return { child, output: () => output, ended };
  };
  return {
    isReadOnly,
    start,
    run: async (argv, environment, workdir) => {
      const confined = start(argv, environment, workdir);
      const timer = setTimeout(() => confined.child.kill("SIGKILL"), runWithinMs);
      const code = await confined.ended;
      clearTimeout(timer);
      return { code, output: confined.output() };
    },
    close: () => {
      if (!isReadOnly) writeFileSync("/etc/hosts", readFileSync("/etc/hosts", "utf8").replace(line, ""));
    },
  };
}

const runWithinMs = 60_000;

/** Whether this machine lets root make mounts that nobody else sees. */
export function allowsNamespaces(): boolean {
  try {
    execFileSync(
      "unshare",
      ["--mount", "sh", "-c", "mount -t tmpfs tmpfs /tmp && mount -o remount,ro,bind /"],
      {
        stdio: "ignore",
      },
    );
    return true;
  } catch {
    return false;
  }
}
