// `pnpm deps:review`: every package of the lock file by its licence, its origin and what it runs at installation. Asks no
// network: what is installed says it of itself.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { faultsOf, type Installed, type LockedPackage, nameOf } from "./deps-review-rules.ts";

const root = join(import.meta.dirname, "..");
const store = join(root, "node_modules/.pnpm");
const scriptsAtInstallation = ["preinstall", "install", "postinstall"];

type LockFile = { packages: Record<string, { resolution: { integrity?: string; tarball?: string } }> };
type Workspace = { allowBuilds?: Record<string, boolean> };

const args = process.argv.slice(2);
if (args.includes("--help")) {
  console.log(
    "usage: pnpm deps:review [--json]\n\nLicence, origin and install scripts of every package of the lock file.",
  );
  process.exit(0);
}
if (args.some((arg) => arg !== "--json")) {
  console.error("`pnpm deps:review` takes only `--json` and `--help`.");
  process.exit(2);
}
process.exit(review(args.includes("--json")));

function review(json: boolean): number {
  if (!existsSync(store)) {
    console.error(
      "nothing is installed here: run `npm start` or `npm test` first, which install what is missing",
    );
    return 1;
  }
  const lock = parse(readFileSync(join(root, "pnpm-lock.yaml"), "utf8")) as LockFile;
  const workspace = parse(readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")) as Workspace;
  const builds = Object.entries(workspace.allowBuilds ?? {});
  const silenced = new Set(builds.filter(([, allowed]) => !allowed).map(([name]) => name));
  const installedIds = readdirSync(store);
  const packages = Object.entries(lock.packages).map(([id, { resolution }]): [LockedPackage, Installed] => [
    { id, integrity: resolution.integrity, tarball: resolution.tarball },
    readInstalled(id, installedIds),
  ]);
  const faults = [
    ...builds.filter(([, allowed]) => allowed).map(([name]) => `${name} may run code at installation`),
    ...packages.flatMap(([locked, installed]) => faultsOf(locked, installed, silenced)),
  ];
  const absent = packages.filter(([, installed]) => installed === null).length;
  if (json) {
    console.log(
      JSON.stringify({ ok: faults.length === 0, packages: packages.length, not_installed: absent, faults }),
    );
  } else {
    for (const fault of faults) console.log(`pnpm-lock.yaml: ${fault}`);
    console.log(
      `${packages.length} packages, ${faults.length} faults; ${absent} are for other systems and were judged by the lock file alone`,
    );
  }
  return faults.length === 0 ? 0 : 1;
}

/** The package's own description, from whichever of its copies is there: they differ in their peers alone. */
function readInstalled(id: string, installedIds: readonly string[]): Installed {
  const folder = id.replaceAll("/", "+");
  const copy = installedIds.find((name) => name === folder || name.startsWith(`${folder}_`));
  const path = copy && join(store, copy, "node_modules", nameOf(id), "package.json");
  if (!path || !existsSync(path)) return null;
  const described = JSON.parse(readFileSync(path, "utf8")) as {
    license?: string | { type?: string };
    licenses?: { type?: string }[];
    scripts?: Record<string, string>;
  };
  const licence =
    typeof described.license === "string"
      ? described.license
      : (described.license?.type ?? described.licenses?.[0]?.type ?? null);
  const scripts = scriptsAtInstallation.filter((name) => described.scripts?.[name] !== undefined);
  return { licence, scripts };
}
