import { readFileSync } from "node:fs";
import { expectBooksClean } from "@modelfaucet/testkit/books.ts";
import {
  chat,
  fundedSession,
  type Ground,
  type GroundSession,
  layGround,
} from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { randomFrom, sized, soakSeed } from "@modelfaucet/testkit/sizes.ts";
import { afterAll, beforeAll, expect, inject, it } from "vitest";

// A126: a long mixture of answers, streams, refusals, failures and clients that leave, and what it leaves in memory.

const requests = sized({ ci: 2_000, soak: 1_000_000 });
const clients = 16;
let product: Product;
let ground: Ground;
let sessions: GroundSession[];

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), env: { PROVIDER_MAX_RETRIES: "0" } });
  ground = await layGround(product);
  sessions = await Promise.all(
    Array.from({ length: clients }, () => fundedSession(product, ground, "900.00")),
  );
});
afterAll(() => product.stop());

it(
  `A126: ${requests} mixed requests leave clean books and no growing memory`,
  async () => {
    const random = randomFrom(soakSeed());
    product.stub.script(() => (random() < 0.05 ? { status: 500 } : { tokenMs: 0 }));
    await mixture(requests / 4, random);
    const warm = residentBytes();
    await mixture(requests, random);
    await expectBooksClean(product, { withinMs: 20_000 });
    const grown = residentBytes() / warm;
    // A short run still fills its caches; the long one is held to what is promised.
    expect(grown).toBeLessThan(sized({ ci: 1.5, soak: 1.1 }));
  },
  sized({ ci: 120_000, soak: 7_200_000 }),
);

async function mixture(count: number, random: () => number): Promise<void> {
  let left = count;
  await Promise.all(
    sessions.map(async ({ token }) => {
      while (left-- > 0) await one(token, random());
    }),
  );
}

async function one(token: string, kind: number): Promise<void> {
  if (kind < 0.5) await chat(product, token, { model: "stub-text" });
  else if (kind < 0.8) await chat(product, token, { model: "stub-text", stream: true });
  else if (kind < 0.9) await chat(product, token, { model: "stub-none" });
  else {
    const leaving = new AbortController();
    const call = chat(product, token, { model: "stub-text", stream: true }, { signal: leaving.signal });
    setTimeout(() => leaving.abort(), kind * 10);
    await call.catch(() => null);
  }
}

function residentBytes(): number {
  const pages = readFileSync(`/proc/${product.gatewayProcesses[0]!.child.pid}/statm`, "utf8").split(" ")[1]!;
  return Number(pages) * 4_096;
}
