// Names that lead to this machine: for the rehearsal's own processes in a mount namespace, which vanishes with them; where
// the machine allows none, in /etc/hosts for the time of the run.
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allowsNamespaces } from "../image-rehearsal-sandbox.ts";

export type HostNames = {
  readonly where: string;
  /** The words that start a program which finds the names. */
  wrap(argv: readonly string[]): string[];
  close(): void;
};

/** @throws Error where this is no Linux or not root: only root can give a machine names */
export function createHostNames(folder: string, names: readonly string[]): HostNames {
  if (process.platform !== "linux" || process.getuid?.() !== 0)
    throw new Error("the hosted path is rehearsed on Linux and by root alone");
  const line = `127.0.0.1 ${names.join(" ")} # modelfaucet-rehearsal-${process.pid}\n`;
  if (allowsNamespaces()) {
    const file = join(folder, "hosts");
    writeFileSync(file, `${readFileSync("/etc/hosts", "utf8")}\n${line}`, { mode: 0o644 });
    return {
      where: "names in a mount namespace",
      wrap: (argv) => ["unshare", "--mount", "sh", "-c", inNamespace, file, ...argv],
      close: () => {},
    };
  }
  appendFileSync("/etc/hosts", line);
  return {
    where: "names in /etc/hosts",
    wrap: (argv) => [...argv],
    close: () => writeFileSync("/etc/hosts", readFileSync("/etc/hosts", "utf8").replace(line, "")),
  };
}

// Without a fork: a signal to the process that was started is one to the program.
const inNamespace = 'mount --bind "$0" /etc/hosts && exec "$@"';
