// What a dependency has to be: from the registry and pinned by its content, under a licence that our own can be given with,
// and silent at installation. Pure: the lock file and the packages' own words go in, sentences come out.

/** What a package says of itself; `null` where it is not installed on this machine, such as another system's binaries. */
export type Installed = { readonly licence: string | null; readonly scripts: readonly string[] } | null;

export type LockedPackage = {
  readonly id: string;
  readonly integrity: string | undefined;
  readonly tarball: string | undefined;
};

/** Licences that ask for no more than a notice. Source: SPDX licence list 3.28, read November 2026. */
const allowedLicences = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "CC-BY-4.0",
  "ISC",
  "MIT",
  "MIT-0",
  "PostgreSQL",
  "Python-2.0",
  "Unlicense",
  "Zlib",
]);

/** Packages under another licence, each with the reason why that is all right. */
const excusedLicences: Readonly<Record<string, string>> = {
  "axe-core": "MPL-2.0, a tool of the tests alone, unchanged",
  lightningcss: "MPL-2.0, a tool of the build alone, unchanged",
  "@fontsource-variable/inter": "OFL-1.1, a font that is served as it is",
  "@fontsource-variable/jetbrains-mono": "OFL-1.1, a font that is served as it is",
  "@fontsource-variable/noto-sans-sc": "OFL-1.1, a font that is served as it is",
};

/** Everything that speaks against a package. `silenced`: packages whose scripts the workspace forbids by name. */
export function faultsOf(
  locked: LockedPackage,
  installed: Installed,
  silenced: ReadonlySet<string>,
): string[] {
  const name = nameOf(locked.id);
  const faults: string[] = [];
  if (!locked.integrity?.startsWith("sha512-") || locked.tarball !== undefined)
    faults.push(`${locked.id} is not pinned to the registry by its content`);
  if (installed === null) return faults;
  if (!isAllowed(installed.licence) && excuseOf(name) === undefined)
    faults.push(`${locked.id} has the licence ${installed.licence ?? "that nobody named"}`);
  if (installed.scripts.length > 0 && !silenced.has(name))
    faults.push(
      `${locked.id} runs code at installation (${installed.scripts.join(", ")}): name it in allowBuilds as false`,
    );
  return faults;
}

export function nameOf(id: string): string {
  return id.slice(0, id.lastIndexOf("@"));
}

/** A binary package belongs to the one that it is a part of. */
function excuseOf(name: string): string | undefined {
  return Object.entries(excusedLicences).find(
    ([known]) => name === known || name.startsWith(`${known}-`),
  )?.[1];
}

/** An SPDX expression: one of alternatives must be allowed, and all of what is joined. */
function isAllowed(licence: string | null): boolean {
  if (licence === null) return false;
  const bare = licence.replace(/[()]/g, "").trim();
  return bare
    .split(/\s+OR\s+/i)
    .some((choice) => choice.split(/\s+AND\s+/i).every((one) => allowedLicences.has(one)));
}
