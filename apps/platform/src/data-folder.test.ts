import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cloneRoot, dataFolder, deleteDataFolder, makeDataFolder } from "./data-folder.ts";
import { clusterPlace, unprivilegedUser } from "./postgres-place.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "data-folder-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the data folder is the clone's own, another one by variable", () => {
  expect(dataFolder({})).toBe(join(cloneRoot, ".modelfaucet"));
  expect(dataFolder({ MODELFAUCET_DATA_DIR: "elsewhere" })).toBe(join(cloneRoot, "elsewhere"));
  expect(dataFolder({ MODELFAUCET_DATA_DIR: "/srv/data" })).toBe("/srv/data");
});

test("deleting takes what the platform has made and leaves what it has not", () => {
  for (const name of ["postgres", "logs", "notes"]) mkdirSync(join(folder, name));
  for (const name of ["dev.env", "platform.json", "thesis.txt"]) writeFileSync(join(folder, name), "x");
  deleteDataFolder(folder);
  expect(existsSync(join(folder, "postgres"))).toBe(false);
  expect(existsSync(join(folder, "dev.env"))).toBe(false);
  expect(existsSync(join(folder, "thesis.txt"))).toBe(true);
  expect(existsSync(join(folder, "notes"))).toBe(true);
});

test("deleting removes a folder that is empty afterwards, and does nothing where there is none", () => {
  writeFileSync(join(folder, "dev.env"), "x");
  deleteDataFolder(folder);
  expect(existsSync(folder)).toBe(false);
  deleteDataFolder(folder);
});

test("the root of the file system is never a data folder", () => {
  expect(() => deleteDataFolder("/")).toThrow(/root of the file system/);
});

test("PostgreSQL runs as `postgres` where there is one, else as `nobody`, never as a user with number 0", () => {
  const nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin";
  const passwd = `root:x:0:0:root:/root:/bin/bash\n${nobody}`;
  expect(unprivilegedUser(passwd)).toEqual({ name: "nobody", uid: 65534, gid: 65534 });
  expect(unprivilegedUser(`${passwd}\npostgres:x:101:104::/var/lib/postgresql:/bin/bash`)).toEqual({
    name: "postgres",
    uid: 101,
    gid: 104,
  });
  expect(unprivilegedUser(`postgres:x:0:0::/:/bin/sh\n${nobody}`).name).toBe("nobody");
  expect(() => unprivilegedUser("root:x:0:0:root:/root:/bin/bash")).toThrow(/DATABASE_URL/);
});

test("an ordinary user's cluster lies in the data folder; root's too where PostgreSQL's user may enter", () => {
  if (process.getuid?.() !== 0) {
    expect(clusterPlace(folder)).toEqual({ owner: null, folder: join(folder, "postgres"), outside: false });
    return;
  }
  // mkdtemp makes folders that only root may enter; a data folder in it may be entered, but not reached.
  const unreachable = join(folder, "data");
  makeDataFolder(unreachable);
  expect(clusterPlace(unreachable)).toMatchObject({ outside: true });
  expect(clusterPlace(unreachable).folder).toMatch(/^\/var\/lib\/modelfaucet\/[0-9a-f]{16}$/);
  makeDataFolder(folder);
  expect(clusterPlace(unreachable)).toMatchObject({ outside: false });
  expect(clusterPlace("/srv/a-folder-that-is-not-there")).toMatchObject({ outside: false });
});
