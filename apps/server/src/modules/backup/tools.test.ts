import { expect, it } from "vitest";
import { runTool, ToolFailed, toolEnvironment } from "./tools.ts";

it("turns a database URL into libpq's variables, the password among them and nowhere else", () => {
  const url =
    "postgres://mf%2Downer:p%40ss%2Fword@db.example.com:6432/faucet?sslmode=verify-full&sslrootcert=/ca.pem";
  expect(toolEnvironment(url)).toMatchObject({
    PGHOST: "db.example.com",
    PGPORT: "6432",
    PGUSER: "mf-owner",
    PGPASSWORD: "p@ss/word",
    PGDATABASE: "faucet",
    PGSSLMODE: "verify-full",
    PGSSLROOTCERT: "/ca.pem",
    PGOPTIONS: "-c mf.purpose=backup",
  });
  expect(toolEnvironment("postgres://o@[::1]/d")).toMatchObject({ PGHOST: "::1", PGDATABASE: "d" });
  expect(toolEnvironment("postgres://o@h/d?ssl=true")).toMatchObject({ PGSSLMODE: "require" });
  expect(toolEnvironment("postgres://o@h/d")).not.toHaveProperty("PGSSLMODE");
});

it("tells why a program failed: its own words, or the signal", async () => {
  const run = (script: string) => runTool("/bin/sh", ["-c", script], { env: {}, onLine: () => {} });
  await expect(run("exit 0")).resolves.toBeUndefined();
  const said =
    "echo 'pg_dump: last checkpoint' >&2; echo 'pg_dump: error: no space left on device' >&2; exit 1";
  await expect(run(said)).rejects.toThrow(new ToolFailed("sh failed: no space left on device"));
  await expect(run("kill -9 $$")).rejects.toThrow("sh failed: ended by SIGKILL");
  await expect(run("exit 3")).rejects.toThrow("sh failed: exit 3");
  await expect(runTool("/nowhere/pg_dump", [], { env: {}, onLine: () => {} })).rejects.toThrow(
    "pg_dump did not run",
  );
});

it("ends a program when it is told to", async () => {
  const end = new AbortController();
  const running = runTool("/bin/sh", ["-c", "echo begun >&2; exec sleep 60"], {
    env: {},
    signal: end.signal,
    onLine: () => end.abort(),
  });
  await expect(running).rejects.toThrow("sh failed: ended by SIGTERM");
});
