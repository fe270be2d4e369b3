import { describe, expect, test } from "vitest";
import { faultsOf, type Installed } from "./deps-review-rules.ts";

const pinned = { id: "@scope/some-thing@1.2.3", integrity: "sha512-abc", tarball: undefined };
const quiet: Installed = { licence: "MIT", scripts: [] };
const nobody = new Set<string>();

describe("a dependency", () => {
  test("passes when it is pinned, of a licence that asks for a notice alone, and silent", () => {
    expect(faultsOf(pinned, quiet, nobody)).toEqual([]);
    for (const licence of ["(MIT OR GPL-3.0)", "(MIT AND Zlib)", "Apache-2.0"])
      expect(faultsOf(pinned, { ...quiet, licence }, nobody)).toEqual([]);
  });

  test("is named with every fault that it has", () => {
    const faults = faultsOf(
      { ...pinned, integrity: undefined, tarball: "https://elsewhere.example/thing.tgz" },
      { licence: "AGPL-3.0-only", scripts: ["postinstall"] },
      nobody,
    );
    expect(faults).toEqual([
      "@scope/some-thing@1.2.3 is not pinned to the registry by its content",
      "@scope/some-thing@1.2.3 has the licence AGPL-3.0-only",
      "@scope/some-thing@1.2.3 runs code at installation (postinstall): name it in allowBuilds as false",
    ]);
  });

  test("needs every licence that it joins, and one that it names", () => {
    expect(faultsOf(pinned, { ...quiet, licence: "MIT AND GPL-2.0" }, nobody)).toHaveLength(1);
    expect(faultsOf(pinned, { ...quiet, licence: null }, nobody)).toEqual([
      "@scope/some-thing@1.2.3 has the licence that nobody named",
    ]);
  });

  test("may have scripts that the workspace forbids by its name", () => {
    const loud = { ...quiet, scripts: ["install"] };
    expect(faultsOf(pinned, loud, new Set(["@scope/some-thing"]))).toEqual([]);
  });

  test("for another system is judged by the lock file alone", () => {
    expect(faultsOf(pinned, null, nobody)).toEqual([]);
    expect(faultsOf({ ...pinned, integrity: "sha1-abc" }, null, nobody)).toHaveLength(1);
  });
});
