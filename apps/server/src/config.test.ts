import { expect, test } from "vitest";
import { ConfigFault, type Environment, loadConfig } from "./config.ts";

const key = "Zq7pXw2LkVd9RtYc4MbNhJ6sGf3aEu8T";
const admin = "b1Kd84hQpLz0XcVn72MwRtYsAe";
const developer = "P0oI9uY8tR7eW6qLkJhGf5dS4a";
const litellm = "mN8bV7cX6zL5kJ4hG3fD2sA1qW";

const production: Environment = {
  NODE_ENV: "production",
  HOSTED_ENVIRONMENT: "pilot",
  HOSTED_SECRET_MANAGER: "vault",
  DATABASE_URL: "postgresql://faucet:Xy7pQw2LkV@db.internal:5432/faucet?sslmode=require",
  SECRET_ENCRYPTION_KEY: key,
  ADMIN_TOKEN: admin,
  DEVELOPER_ADMIN_TOKEN: developer,
  API_PUBLIC_BASE_URL: "https://api.faucet-pilot.example",
  GATEWAY_PUBLIC_BASE_URL: "https://gateway.faucet-pilot.example",
  DASHBOARD_PUBLIC_BASE_URL: "https://console.faucet-pilot.example",
  PUBLIC_SUPPORT_URL: "https://faucet-pilot.example/support",
  API_CORS_ORIGINS: "https://console.faucet-pilot.example",
  GATEWAY_CORS_ORIGINS: "https://console.faucet-pilot.example",
  SECURITY_CONTACT_EMAIL: "security@faucet-pilot.example",
  ABUSE_CONTACT_EMAIL: "abuse@faucet-pilot.example",
  INCIDENT_CONTACT_EMAIL: "incident@faucet-pilot.example",
  LITELLM_BASE_URL: "http://litellm:4000",
  LITELLM_MASTER_KEY: litellm,
  HOSTED_INTERNAL_HOSTS: "litellm",
};

function faultsOf(change: Environment, base: Environment = production): string[] {
  try {
    loadConfig({ need: "serve" }, { ...base, ...change });
  } catch (error) {
    if (error instanceof ConfigFault) return error.faults.map((fault) => fault.variable);
    throw error;
  }
  return [];
}

test("takes a complete production environment, and defaults to every interface", () => {
  const config = loadConfig({ need: "serve" }, production);
  expect(config.bindAddress).toBe("0.0.0.0");
  expect(config.urls.gatewayForClients).toBe("https://gateway.faucet-pilot.example/v1");
  expect(config.testCreditMaxUsd).toBe("0");
  expect(config.warnings).toEqual([]);
});

test("lists every missing variable of production at once", () => {
  expect(faultsOf({}, { NODE_ENV: "production" })).toEqual(
    Object.keys(production).filter((name) => name !== "NODE_ENV" && name !== "HOSTED_INTERNAL_HOSTS"),
  );
});

test.each<[string, Environment, string]>([
  ["a blank value", { ADMIN_TOKEN: "  " }, "ADMIN_TOKEN"],
  ["a short secret", { SECRET_ENCRYPTION_KEY: key.slice(1) }, "SECRET_ENCRYPTION_KEY"],
  ["a placeholder", { ADMIN_TOKEN: "change-me-please-admin-token" }, "ADMIN_TOKEN"],
  ["a repeated pattern", { ADMIN_TOKEN: "abcdefgh".repeat(5) }, "ADMIN_TOKEN"],
  ["an unexpanded reference", { ADMIN_TOKEN: `\${ADMIN_TOKEN_FROM_SOMEWHERE}` }, "ADMIN_TOKEN"],
  ["a secret in two variables", { ADMIN_TOKEN: developer }, "ADMIN_TOKEN, DEVELOPER_ADMIN_TOKEN"],
  ["a ring of one", { ADMIN_TOKEN: `ring:${admin}` }, "ADMIN_TOKEN"],
  ["a ring of equals", { ADMIN_TOKEN: `ring:${admin},${admin}` }, "ADMIN_TOKEN"],
  [
    "a public address without TLS",
    { API_PUBLIC_BASE_URL: "http://api.faucet-pilot.example" },
    "API_PUBLIC_BASE_URL",
  ],
  ["a private public address", { GATEWAY_PUBLIC_BASE_URL: "https://10.1.2.3" }, "GATEWAY_PUBLIC_BASE_URL"],
  [
    "a console of another site",
    { DASHBOARD_PUBLIC_BASE_URL: "https://a.other.example" },
    "DASHBOARD_PUBLIC_BASE_URL",
  ],
  ["a star among the origins", { API_CORS_ORIGINS: "*" }, "API_CORS_ORIGINS"],
  ["an unlisted internal proxy", { HOSTED_INTERNAL_HOSTS: "" }, "LITELLM_BASE_URL"],
  ["the superuser", { DATABASE_URL: "postgresql://postgres:Xy7pQw2LkV@db/faucet" }, "DATABASE_URL"],
  ["a host map", { MODELFAUCET_HOST_MAP: "upstream.test=127.0.0.1" }, "MODELFAUCET_HOST_MAP"],
  ["a name server", { MODELFAUCET_NAME_SERVER: "127.0.0.1:5353" }, "MODELFAUCET_NAME_SERVER"],
  ["failpoints", { MODELFAUCET_FAILPOINT: "before_hold:kill" }, "MODELFAUCET_FAILPOINT"],
  ["an inspector", { NODE_OPTIONS: "--inspect=0.0.0.0:9229" }, "NODE_OPTIONS"],
  ["a secret for the browser", { VITE_THING: `x${admin}` }, "VITE_THING"],
  ["a number out of range", { STREAM_KEEPALIVE_MS: "999" }, "STREAM_KEEPALIVE_MS"],
])("production refuses %s, by name and without its value", (_, change, variable) => {
  expect(faultsOf(change)).toContain(variable);
  try {
    loadConfig({ need: "serve" }, { ...production, ...change });
  } catch (error) {
    const told = (error as Error).message;
    for (const secret of [key, admin, developer, litellm, "Xy7pQw2LkV"]) expect(told).not.toContain(secret);
  }
});

test("a ring is read as its two parts", () => {
  const second = "Q1w2E3r4T5y6U7i8O9p0AsDfGh";
  const config = loadConfig({ need: "serve" }, { ...production, ADMIN_TOKEN: `ring:${second},${admin}` });
  expect(config.adminToken).toEqual([second, admin]);
});

test("in development a server wants a database and a key, a command wants neither", () => {
  expect(faultsOf({}, {})).toEqual(["DATABASE_URL", "SECRET_ENCRYPTION_KEY"]);
  expect(loadConfig({ need: "command" }, {}).database.url).toBeNull();
});

test("an unknown name of ours is a warning with the nearest known name", () => {
  expect(loadConfig({ need: "command" }, { MODELFAUCET_ROLE: "api", OTHER: "1" }).warnings).toEqual([
    "MODELFAUCET_ROLE is not a variable of ModelFaucet; the nearest name is MODELFAUCET_ROLES.",
  ]);
  const { warnings } = loadConfig(
    { need: "command" },
    { HOSTED_INTERNAL_HOST: "a", MODELFAUCET_ADMIN_TOKEN: "x" },
  );
  expect(warnings).toEqual([
    expect.stringContaining("HOSTED_INTERNAL_HOSTS"),
    expect.stringMatching(/ ADMIN_TOKEN\.$/),
  ]);
});

test("a shortened limit of an attempt takes the defaults of the others with it; what was set is held to the rule", () => {
  const short = loadConfig({ need: "serve" }, { ...production, PROVIDER_TIMEOUT_MS: "2000" }).providers;
  expect(short.firstByteTimeoutMs).toBe(2000);
  expect(short.connectTimeoutMs).toBeLessThan(2000);
  const whole = loadConfig(
    { need: "serve" },
    { ...production, PROVIDER_TOTAL_TIMEOUT_MS: "60000" },
  ).providers;
  expect([whole.firstByteTimeoutMs, whole.unstreamedTimeoutMs, whole.idleTimeoutMs]).toEqual([
    60_000, 60_000, 60_000,
  ]);
  expect(faultsOf({ PROVIDER_TIMEOUT_MS: "2000", PROVIDER_CONNECT_TIMEOUT_MS: "3000" })).toEqual([
    "PROVIDER_CONNECT_TIMEOUT_MS",
  ]);
  expect(faultsOf({ PROVIDER_TOTAL_TIMEOUT_MS: "60000", PROVIDER_IDLE_TIMEOUT_MS: "70000" })).toEqual([
    "PROVIDER_IDLE_TIMEOUT_MS",
  ]);
});
