// A rotation that is killed: whatever it was doing, every value opens at every moment, and another start goes on.
import { type ChildProcess, spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { uuidV7 } from "@modelfaucet/server/lib/ids.ts";
import { createSecretBox, keyCanaryPlace } from "@modelfaucet/server/lib/secret-box.ts";
import { createTestDatabase, type TestDatabase } from "@modelfaucet/testkit/database.ts";
import { randomFrom, sized, soakSeed } from "@modelfaucet/testkit/sizes.ts";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { serverCommand, threeLogins } from "../acceptance/server-command.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const [newKey, oldKey] = ["nV8kTq3wLz6YpRc9XsHd2mJf5bGa7eUi", "oD4hWx7KtZ9mQv2NcLs6yPj3fRb8gAe5"];
const [old, fresh, both] = [
  createSecretBox([oldKey]),
  createSecretBox([newKey]),
  createSecretBox([newKey, oldKey]),
];
const credentials = sized({ ci: 3_000, soak: 20_000 });
const kills = sized({ ci: 3, soak: 10 });

let database: TestDatabase;
let sql: postgres.Sql;
let env: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase(inject("postgres"));
  sql = postgres(database.superuserUrl, { max: 2, onnotice: () => {} });
  env = { ...threeLogins(database), SECRET_ENCRYPTION_KEY: `ring:${newKey},${oldKey}` };
  const rows = Array.from({ length: credentials }, () => {
    const id = uuidV7();
    return {
      id,
      owner_scope: "platform",
      owner_id: "00000000-0000-0000-0000-000000000001",
      provider: "openai",
      sealed_secret: old.seal(`key of ${id}`, placeOf(id)),
      key_id: old.keyId,
      masked: "…",
      last_four: "",
    };
  });
  for (let at = 0; at < rows.length; at += 1_000) {
    await sql`insert into provider_credentials ${sql(rows.slice(at, at + 1_000))}`;
  }
  await sql`insert into deployment (environment, key_canary) values ('local', ${old.seal("modelfaucet", keyCanaryPlace)})
    on conflict (one) do update set key_canary = excluded.key_canary`;
});
afterAll(async () => {
  await sql.end({ timeout: 2 });
  await database.drop();
});

const placeOf = (rowId: string) => ({
  table: "provider_credentials",
  column: "sealed_secret",
  rowId,
  owner: "platform",
});

/** How many the new key has sealed. @throws for a value that does not open */
async function sealedAnew(): Promise<number> {
  const rows = await sql`select id, sealed_secret, key_id from provider_credentials`;
  let anew = 0;
  for (const { id, sealed_secret: sealed, key_id: keyId } of rows) {
    expect(both.open(sealed, placeOf(id))).toBe(`key of ${id}`);
    expect(sealed.split(":")[2]).toBe(keyId);
    if (keyId === fresh.keyId) anew++;
  }
  expect(rows).toHaveLength(credentials);
  return anew;
}

it("killed at any moment it has lost nothing, and the next start goes on", async () => {
  const random = randomFrom(soakSeed());
  let before = 0;
  for (let kill = 0; kill < kills; kill++) {
    const child = spawn(
      process.execPath,
      [
        "--disable-warning=ExperimentalWarning",
        "apps/server/src/main.ts",
        "rotate-keys",
        "start",
        "--reason",
        "test",
      ],
      {
        cwd: root,
        env: { PATH: process.env.PATH ?? "", NODE_ENV: "test", ...env },
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    const gone = new Promise((resolve) => child.once("exit", resolve));
    // Some batches are committed, and the next one is on its way: a different part of it each time.
    await progressLines(child, 1 + Math.floor(random() * 3));
    await new Promise((resolve) => setTimeout(resolve, random() * 15));
    child.kill("SIGKILL");
    await gone;
    const anew = await sealedAnew();
    expect(anew).toBeGreaterThan(before);
    expect(anew % 200).toBe(0);
    expect(anew).toBeLessThan(credentials);
    before = anew;
    if (kill > 0) continue;
    const alone = await serverCommand(["rotate-keys", "finish", "--reason", "test"], env);
    expect(alone.code).toBe(1);
  }
  const rest = await serverCommand(["rotate-keys", "start", "--reason", "test", "--json"], env);
  expect(rest.code, rest.stderr).toBe(0);
  expect(JSON.parse(rest.stdout).rotation).toMatchObject({ status: "overlap", left: 0 });
  expect(await sealedAnew()).toBe(credentials);
  const rotations = await sql`select status, done, total from key_rotations`;
  expect(rotations).toEqual([{ status: "overlap", done: credentials, total: credentials }]);
  expect((await serverCommand(["rotate-keys", "finish", "--reason", "test"], env)).code).toBe(0);
  const [row] = await sql`select key_canary as text from deployment`;
  expect(fresh.open(row!.text, keyCanaryPlace)).toBe("modelfaucet");
});

it("T-18: of a hundred thousand nonces no two are the same", () => {
  const nonces = new Set<string>();
  for (let round = 0; round < 50_000; round++) {
    const parts = fresh.seal("", placeOf("row")).split(":");
    // The wrapped data key carries its nonce in front: sixteen characters are twelve bytes.
    nonces.add(parts[3]!.slice(0, 16)).add(parts[4]!);
  }
  expect(nonces.size).toBe(100_000);
});

/** Resolves when so many lines of progress were told. */
function progressLines(child: ChildProcess, lines: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr!.on("data", (piece: Buffer) => {
      text += piece.toString("utf8");
      if (text.split("\n").length > lines) resolve();
    });
    child.once("exit", () => reject(new Error(`it ended by itself: ${text}`)));
  });
}
