import { execFile } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { placeUnits } from "./one-vm-units.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "modelfaucet-units-"));
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin/litellm"), "#!/bin/sh\n", { mode: 0o755 });
  placeUnits(join(root, "infra/one-vm/systemd"), join(folder, "units"), {
    "/opt/modelfaucet-litellm": folder,
    "/opt/modelfaucet": root,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const files = (): string[] =>
  readdirSync(join(folder, "units")).filter((name) => /\.(service|timer|target)$/.test(name));

/** What systemd says about the units; nothing where all is well. */
function verify(): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      "systemd-analyze",
      ["verify", "--man=no", "--recursive-errors=yes", ...files().map((name) => join(folder, "units", name))],
      { env: { ...process.env, SYSTEMD_UNIT_PATH: `${join(folder, "units")}:` } },
      (error, stdout, stderr) => resolve(stdout + stderr || (error ? error.message : "")),
    );
  });
}

it("systemd finds nothing wrong with the units", async () => {
  expect(files()).toHaveLength(13);
  expect(await verify()).toBe("");
  for (const timer of files().filter((name) => name.endsWith(".timer")))
    expect(files()).toContain(timer.replace(".timer", ".service"));
});

it("and would: a word that it does not know, a program that is not there, a time that never comes", async () => {
  appendFileSync(join(folder, "units/modelfaucet-.service.d/10-confinement.conf"), "ProtectEverything=yes\n");
  appendFileSync(join(folder, "units/modelfaucet-books.timer"), "[Timer]\nOnCalendar=never\n");
  appendFileSync(
    join(folder, "units/modelfaucet-books.service"),
    "[Service]\nExecStartPre=/nowhere/at-all\n",
  );
  const said = await verify();
  expect(said).toMatch(/Unknown key (name )?'ProtectEverything'/);
  expect(said).toMatch(/modelfaucet-books\.timer.*never/);
  expect(said).toMatch(/\/nowhere\/at-all is not executable/);
});
