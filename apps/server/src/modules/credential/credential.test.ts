import { describe, expect, it } from "vitest";
import type { Database } from "../../lib/db.ts";
import { createSecretBox } from "../../lib/secret-box.ts";
import { createCredentials, credentialPlace } from "./credential.ts";

// What the memory copy promises whoever plans requests with it; that it reads the right rows is shown against the database.

const box = createSecretBox(["Zq7pXw2LkVd9RtYc4MbNhJ6sGf3aEu8T"]);

function bed(maxOwners = 3) {
  const reads: string[] = [];
  const waiting: (() => void)[] = [];
  const listeners: ((id: string) => void)[] = [];
  let held = false;
  const database = {
    read: async () => {
      reads.push("read");
      if (held) await new Promise<void>((resolve) => waiting.push(resolve));
      const key = { id: "key-1", appId: "app-1", developerId: "developer-1", endUserId: "user-1" };
      return [
        {
          ...key,
          ownerScope: "end_user",
          provider: "openai",
          sealed: box.seal(`secret ${reads.length}`, credentialPlace(key)),
          status: "active",
          baseUrl: null,
        },
      ];
    },
  } as unknown as Pick<Database, "read" | "write">;
  const credentials = createCredentials({
    database,
    feed: { on: (_, listener) => void listeners.push(listener as (id: string) => void) },
    secretBox: box,
    record: async () => {},
    onError: (error) => {
      throw error;
    },
    maxOwners,
  });
  return {
    credentials,
    reads,
    changed: (id: string) => {
      for (const listener of listeners) listener(id);
    },
    hold: () => {
      held = true;
    },
    release: () => {
      held = false;
      for (const go of waiting.splice(0)) go();
    },
  };
}

const secretOf = async (keys: Promise<readonly { secret: string | null }[]>) => (await keys)[0]!.secret;

describe("the memory copy of keys", () => {
  it("many that ask at once wait for one read, and the next ones for none", async () => {
    const { credentials, reads } = bed();
    await Promise.all(Array.from({ length: 50 }, () => credentials.ofUser("app-1", "user-1")));
    expect(await secretOf(credentials.ofUser("app-1", "user-1"))).toBe("secret 1");
    expect(reads).toHaveLength(1);
  });

  it("a change forgets its owner's alone", async () => {
    const { credentials, reads, changed } = bed();
    await credentials.ofUser("app-1", "user-1");
    await credentials.ofUser("app-1", "user-2");
    changed("user-1");
    expect(await secretOf(credentials.ofUser("app-1", "user-1"))).toBe("secret 3");
    await credentials.ofUser("app-1", "user-2");
    expect(reads).toHaveLength(3);
  });

  it("a read that a change has overtaken is kept by nobody", async () => {
    const { credentials, reads, changed, hold, release } = bed();
    hold();
    const before = credentials.ofUser("app-1", "user-1");
    changed("user-1");
    const after = credentials.ofUser("app-1", "user-1");
    release();
    await Promise.all([before, after]);
    expect(reads).toHaveLength(2);
    expect(await secretOf(credentials.ofUser("app-1", "user-1"))).toBe("secret 2");
    expect(reads).toHaveLength(2);
  });

  it("is bounded: who was asked for least lately goes first", async () => {
    const { credentials, reads } = bed(3);
    for (const user of ["a", "b", "c"]) await credentials.ofUser("app-1", user);
    await credentials.ofUser("app-1", "a");
    await credentials.ofUser("app-1", "d");
    expect(reads).toHaveLength(4);
    await credentials.ofUser("app-1", "a");
    expect(reads).toHaveLength(4);
    await credentials.ofUser("app-1", "b");
    expect(reads).toHaveLength(5);
  });

  it("a key is sealed to its row, its app and its owner", () => {
    const key = { id: "key-1", appId: "app-1", developerId: "developer-1", endUserId: "user-1" };
    const sealed = box.seal("secret", credentialPlace(key));
    expect(box.open(sealed, credentialPlace(key))).toBe("secret");
    for (const change of [
      { id: "key-2" },
      { appId: "app-2" },
      { endUserId: "user-2" },
      { endUserId: null },
    ]) {
      expect(() => box.open(sealed, credentialPlace({ ...key, ...change })), JSON.stringify(change)).toThrow(
        "tampered",
      );
    }
  });
});
