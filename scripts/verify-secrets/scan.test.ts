import { createHash } from "node:crypto";
import { newToken } from "@modelfaucet/server/lib/ids.ts";
import { expect, test } from "vitest";
import { createScanner } from "./scan.ts";

/** Made here, so that no file of the repository holds one: characters that look drawn, the same every time. */
function drawn(seed: string, length: number, encoding: "hex" | "base64url" = "base64url"): string {
  const text = createHash("shake256", { outputLength: length }).update(seed).digest(encoding);
  return text.replaceAll(/[-_]/g, "x").slice(0, length);
}

const scan = createScanner({});
const kindsIn = (text: string, path = "src/a.ts") =>
  scan({ path, name: path, text }).map(({ line, kind }) => `${line} ${kind}`);

test.each([
  ["key of a provider", `sk-proj-${drawn("a", 48)}`],
  ["key of a provider", `sk-or-v1-${drawn("b", 64, "hex")}`],
  ["key of a provider", `sk-ant-api03-${drawn("c", 90)}`],
  ["key of a provider", `AIza${drawn("d", 35)}`],
  ["key of Stripe", `sk_live_${drawn("e", 24)}`],
  ["key of Stripe", `rk_test_${drawn("f", 24)}`],
  ["webhook secret", `whsec_${drawn("g", 32)}`],
  ["key of a cloud", `AKIA${drawn("h1", 16, "hex").toUpperCase()}`],
  ["private key", ["-----BEGIN EC", "PRIVATE KEY-----"].join(" ")],
  ["token of ModelFaucet", newToken("mf_dev_")],
  ["token of ModelFaucet", newToken("mf_sess_")],
  ["password in an address", `postgresql://faucet:${drawn("i", 20)}@db.example/faucet`],
])("finds a %s", (kind, secret) => {
  expect(kindsIn(`first line\nconst key = "${secret}";\n`)).toEqual([`2 ${kind}`]);
});

test("lets pass what only looks like one", () => {
  const token = newToken("mf_admin_");
  const mistyped = token.slice(0, -1) + (token.endsWith("0") ? "1" : "0");
  const harmless = [
    mistyped,
    "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789",
    "sk-or-v1-nobody-is-called",
    "sk_test_your_key_here",
    "whsec_replace_me_replace_me",
    "postgresql://user:password@host:5432/database",
    "postgresql://user:p%40ss%2Fword@host:5432/database",
    `postgresql://user:\${DATABASE_PASSWORD}@host/database`,
  ];
  expect(kindsIn(harmless.join("\n"))).toEqual([]);
});

test("refuses an env file for every secret that has a value, and a template that has one", () => {
  const text = [
    "# a comment",
    "LOG_LEVEL=debug",
    "ADMIN_TOKEN=",
    "export LITELLM_MASTER_KEY='short'",
    `SECRET_ENCRYPTION_KEY=\${FROM_ELSEWHERE}`,
    "MY_SERVICE_PASSWORD = x # later",
  ].join("\n");
  const wanted = [
    "4 env file that holds a value of LITELLM_MASTER_KEY",
    "6 env file that holds a value of MY_SERVICE_PASSWORD",
  ];
  for (const path of [
    ".env",
    "apps/server/.env.production",
    ".env.hosted.example",
    "infra/hosted/pilot.env",
  ]) {
    expect(kindsIn(text, path)).toEqual(wanted);
  }
  expect(kindsIn(text, "docs/environment.md")).toEqual([]);
});

test("finds the secrets of this environment whole, cut, percent-encoded and in base64, and tells none", () => {
  const token = `${drawn("j", 30)}+/${drawn("k", 8)}`;
  const password = drawn("l", 16);
  const knowing = createScanner({
    ADMIN_TOKEN: `ring:${encodeURIComponent(token)},${drawn("m", 32)}`,
    DATABASE_URL: `postgresql://faucet:${password}@db.example/faucet`,
    LOG_LEVEL: "information",
  });
  const forms = [
    `"${token}"`,
    token.slice(4, 18),
    encodeURIComponent(token),
    Buffer.from(`{"admin":"${token}"}`).toString("base64"),
  ];
  for (const form of forms) {
    const found = knowing({ path: "dist/page.js", name: "dist/page.js", text: `\n\nvar a=${form};` });
    expect(found).toEqual([{ file: "dist/page.js", line: 3, kind: "value of ADMIN_TOKEN" }]);
  }
  const found = knowing({ path: "a.txt", name: "a.txt", text: `the password is ${password}, information` });
  expect(found).toEqual([{ file: "a.txt", line: 1, kind: "value of DATABASE_URL" }]);
});
