import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { addressPrefix, createLog } from "./log.ts";

function logged(write: (log: ReturnType<typeof createLog>) => void): string {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  });
  write(createLog({ level: "info", format: "json", service: "s", instance: "i", version: "1", destination }));
  return lines.join("");
}

test("a secret is written neither under its name nor inside a sentence", () => {
  const canary = "canary9f8e7d6c5b4a";
  const text = logged((log) => {
    log.info({ headers: { authorization: `Bearer ${canary}` }, api_key: canary, body: { x: canary } }, "in");
    const inner = new Error(`connect postgresql://faucet:${canary}@db/faucet`);
    log.error(
      { err: new Error(`refused Bearer ${canary} mf_sess_${canary} sk-${canary}`, { cause: inner }) },
      "failed",
    );
  });
  expect(text).toContain("failed");
  expect(text).toContain("cause");
  expect(text).not.toContain(canary);
});

test.each([
  ["203.0.113.77", "203.0.113.0/24"],
  ["::ffff:203.0.113.77", "203.0.113.0/24"],
  ["2001:db8:1:2::9", "2001:db8:1::/48"],
  ["::1", "0:0:0::/48"],
])("keeps only the prefix of %s", (address, prefix) => {
  expect(addressPrefix(address)).toBe(prefix);
});
