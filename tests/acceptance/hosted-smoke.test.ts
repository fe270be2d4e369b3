import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chat, fundedSession, type Ground, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Ingress, type IngressOptions, startIngress } from "@modelfaucet/testkit/ingress.ts";
import { type Product, startProduct, testSecrets } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { serverCommand } from "./server-command.ts";

// A177, O5: the smoke test from outside, through the shipped nginx with TLS, against servers that are ready and against
// each kind that is not.

const names = { gateway: "gw.faucet.test", api: "api.faucet.test", console: "console.faucet.test" };
const consoleUrl = `https://${names.console}`;
const hostMap = Object.values(names)
  .map((name) => `${name}=127.0.0.1`)
  .join();

let product: Product;
let ground: Ground;
let ingress: Ingress;

beforeAll(async () => {
  product = await startProduct({
    postgres: inject("postgres"),
    env: {
      TRUSTED_PROXY_CIDRS: "127.0.0.0/8",
      DASHBOARD_PUBLIC_BASE_URL: consoleUrl,
      API_CORS_ORIGINS: consoleUrl,
      GATEWAY_CORS_ORIGINS: consoleUrl,
    },
  });
  [ground, ingress] = await Promise.all([layGround(product), open({})]);
});
afterAll(async () => {
  await ingress?.stop();
  await product?.stop();
});

const open = (options: Partial<IngressOptions>): Promise<Ingress> =>
  startIngress({ gateways: product.gateways, api: product.api, names, ...options });

type Probed = { target: string; probe: string; level: string; says: string; remedy: string | null };
type Smoked = { code: number | null; stdout: string; stderr: string; probes: Probed[] };

const anywhere = { ALLOW_PRIVATE_HOSTED_SMOKE: "1" };
const withToken = ["--operator-token-env", "OPERATOR_TOKEN", "--console", consoleUrl];

async function smoke(args: readonly string[], env: Record<string, string>): Promise<Smoked> {
  const ended = await serverCommand(["hosted", "smoke-readiness", "--json", ...args], {
    MODELFAUCET_HOST_MAP: hostMap,
    OPERATOR_TOKEN: testSecrets.ADMIN_TOKEN,
    ...env,
  });
  return { ...ended, probes: ended.stdout === "" ? [] : JSON.parse(ended.stdout).probes };
}

const through = ({ api, gateway, caFile }: Ingress): Record<string, string> => ({
  ...anywhere,
  MODELFAUCET_API_BASE_URL: api,
  MODELFAUCET_GATEWAY_BASE_URL: gateway,
  NODE_EXTRA_CA_CERTS: caFile,
});

const failedOf = ({ probes }: Smoked): string[] =>
  probes.filter(({ level }) => level === "fail").map(({ target, probe }) => `${target} ${probe}`);

const saidOf = ({ probes }: Smoked, target: string, probe: string): string => {
  const found = probes.find((one) => one.target === target && one.probe === probe);
  return `${found?.level} ${found?.says}`;
};

describe("A177: a deployment that is ready", () => {
  it("passes every probe, tells what it saw, and writes no token anywhere", async () => {
    const smoked = await smoke(withToken, through(ingress));
    expect(failedOf(smoked), smoked.stdout).toEqual([]);
    expect(smoked.code).toBe(0);
    const probes = [
      ...["tls", "plain http", "health", "readiness", "metrics", "version", "cors", "headers", "errors"],
      ...["private", "clock"],
    ];
    for (const target of ["api", "gateway"]) {
      const seen = smoked.probes.filter((one) => one.target === target).map(({ probe }) => probe);
      expect(seen).toEqual(target === "gateway" ? [...probes, "providers"] : probes);
      expect(saidOf(smoked, target, "readiness")).toBe("pass database ok, schema ok, keys ok");
      // The certificate of these tests is good for two days.
      expect(saidOf(smoked, target, "tls")).toMatch(/^warn TLSv1.3, trusted, ends in 1 days$/);
      expect(saidOf(smoked, target, "version")).toMatch(/^pass \d+\.\d+\.\d+ on schema \d+/);
      expect(saidOf(smoked, target, "metrics")).toBe("pass closed, and open to the operator");
      expect(saidOf(smoked, target, "cors")).toBe("pass the console may call it, foreign pages may not");
    }
    expect(smoked.stdout + smoked.stderr).not.toContain(testSecrets.ADMIN_TOKEN);
  });

  it("needs no token, asks for none by itself, and says in one line each what it left out", async () => {
    const { MODELFAUCET_GATEWAY_BASE_URL, ...rest } = through(ingress);
    const ended = await serverCommand(["hosted", "smoke-readiness"], {
      ...rest,
      MODELFAUCET_HOST_MAP: hostMap,
      MODELFAUCET_GATEWAY_BASE_URL: MODELFAUCET_GATEWAY_BASE_URL!.replace(/\/v1$/, "/"),
    });
    expect(ended.code, ended.stdout).toBe(0);
    const lines = ended.stdout.trim().split("\n");
    expect(lines.at(-1)).toMatch(/^ready: 23 probes, 2 to look at$/);
    for (const line of lines.slice(0, -1)) expect(line).toMatch(/^(PASS|WARN|SKIP) {2}(api|gateway) /);
    expect(ended.stdout).toContain("--operator-token-env NAME");
  });
});

describe("A177: a target that is not on the internet", () => {
  it.each([
    ["loopback", "http://127.0.0.1:3001", "127.0.0.1 is not on the internet"],
    ["loopback, spelled otherwise", "http://0x7f.1:3001", "127.0.0.1 is not on the internet"],
    ["an IPv6 spelling of a private address", "https://[::ffff:10.0.0.5]", "is not on the internet"],
    ["the metadata service", "http://169.254.169.254", "169.254.169.254 is not on the internet"],
    ["a local name", "https://localhost", "localhost is not on the internet"],
    ["a name that resolves to one", "https://inside.faucet.test", "inside.faucet.test resolves to 10.0.0.5"],
  ])("O5: %s is refused, and nothing is sent", async (_, url, sentence) => {
    const smoked = await smoke([], {
      MODELFAUCET_API_BASE_URL: url,
      MODELFAUCET_GATEWAY_BASE_URL: url,
      MODELFAUCET_HOST_MAP: "inside.faucet.test=10.0.0.5",
    });
    expect(smoked.code).toBe(1);
    expect(smoked.probes).toHaveLength(2);
    expect(saidOf(smoked, "api", "target")).toContain(sentence);
    expect(smoked.probes[0]!.remedy).toContain("ALLOW_PRIVATE_HOSTED_SMOKE=1");
  });

  it("O5: is asked when that is wanted, also without TLS", async () => {
    const smoked = await smoke(withToken, {
      ...anywhere,
      MODELFAUCET_API_BASE_URL: product.api,
      MODELFAUCET_GATEWAY_BASE_URL: product.gateways[0]!,
    });
    // On loopback, without an ingress, the metrics are open to whoever is on this machine.
    expect(failedOf(smoked), smoked.stdout).toEqual(["api metrics", "gateway metrics"]);
    expect(saidOf(smoked, "api", "tls")).toBe("skip a private target without TLS");
  });

  it("O5: a redirect to one is not followed", async () => {
    let asked = 0;
    const inside = createServer((_, response) => response.end(String(++asked)));
    await new Promise<void>((resolve) => inside.listen(0, "127.0.0.1", resolve));
    const to = `http://127.0.0.1:${(inside.address() as AddressInfo).port}`;
    const smoked = await smokeThrough({
      edit: (config) =>
        config.replace(
          /location \/ \{\s+proxy_pass http:\/\/modelfaucet_api;/,
          `location = /health { return 307 ${to}/health; }\n$&`,
        ),
    });
    inside.close();
    expect(smoked.code).toBe(1);
    expect(saidOf(smoked, "api", "health")).toBe(
      "fail it redirects to a private address: 127.0.0.1 is not on the internet",
    );
    expect(asked).toBe(0);
  });
});

async function smokeThrough(options: Partial<IngressOptions>): Promise<Smoked> {
  const broken = await open(options);
  try {
    return await smoke(withToken, through(broken));
  } finally {
    await broken.stop();
  }
}

describe("what is in front of the servers", () => {
  it.each([
    ["expired", /^fail the certificate ended on \d{4}-\d\d-\d\d$/],
    ["other_name", /^fail the certificate is for somewhere-else\.example, not for api\.faucet\.test$/],
  ] as const)("a certificate that is %s: said so, and nothing is sent", async (certificate, sentence) => {
    const broken = await open({ certificate });
    try {
      const smoked = await smoke(withToken, through(broken));
      expect(smoked.code).toBe(1);
      expect(saidOf(smoked, "api", "tls")).toMatch(sentence);
      expect(smoked.probes).toHaveLength(4);
      expect(broken.log()).not.toContain("/health");
    } finally {
      await broken.stop();
    }
  });

  it("a certificate of nobody that this machine knows", async () => {
    const { NODE_EXTRA_CA_CERTS: _, ...env } = through(ingress);
    const smoked = await smoke(withToken, env);
    expect(smoked.code).toBe(1);
    expect(saidOf(smoked, "gateway", "tls")).toMatch(/^fail the certificate is not trusted: [A-Z_]+$/);
  });

  it.each<[string, (config: string) => string, string[], RegExp]>([
    [
      "shows the metrics to everybody",
      (config) =>
        config
          .replaceAll(/if \(\$http_authorization = ""\) \{\s+return 404;\s+\}/g, "")
          .replace(/proxy_set_header X-Forwarded-(For|Proto|Host) .*\n/g, "")
          .replace('proxy_set_header Forwarded "";', "")
          .replace('proxy_set_header X-Real-IP "";', ""),
      ["api metrics", "gateway metrics"],
      /^fail everybody can read them$/,
    ],
    [
      "lets every page call",
      (config) =>
        config.replace(
          "add_header X-Request-Id",
          "add_header Access-Control-Allow-Origin * always;\n  add_header X-Request-Id",
        ),
      ["api cors", "gateway cors"],
      /^fail a page of anybody may call it$/,
    ],
    [
      "names its version and no policy for transport",
      (config) =>
        config.replace("server_tokens off;", "").replace(/add_header Strict-Transport-Security.*\n/, ""),
      ["api headers", "gateway headers"],
      /^fail missing or weak: strict-transport-security$/,
    ],
    [
      "still speaks TLS 1.1",
      (config) =>
        config
          .replace("ssl_protocols TLSv1.2", "ssl_protocols TLSv1.1 TLSv1.2")
          .replace(/ssl_ciphers .*;/, "ssl_ciphers ALL:@SECLEVEL=0;"),
      ["api tls", "gateway tls"],
      /^fail TLS 1\.1 or older is still spoken$/,
    ],
    [
      "answers errors with pages of its own",
      (config) =>
        config
          .replaceAll(
            "error_page 413 @too_large;",
            "error_page 413 @too_large;\n    error_page 400 404 @page;\n    proxy_intercept_errors on;",
          )
          .replaceAll(
            "location @nothing {",
            "location @page { default_type text/html; return 404 '<h1>Not here</h1>'; }\n    location @nothing {",
          ),
      ["api errors", "gateway errors"],
      /^fail an error is not in the envelope/,
    ],
  ])("an ingress that %s", async (_, edit, failed, sentence) => {
    const smoked = await smokeThrough({ edit });
    expect(failedOf(smoked), smoked.stdout).toEqual(failed);
    expect(smoked.code).toBe(1);
    const [target, probe] = failed[0]!.split(" ");
    expect(saidOf(smoked, target!, probe!)).toMatch(sentence);
  });

  it("servers that are not there, services that are mixed up, hosts that do not resolve", async () => {
    const away = await smokeThrough({ gateways: ["http://127.0.0.1:9"], api: "http://127.0.0.1:9" });
    expect(saidOf(away, "api", "health")).toBe("fail the ingress is there, the api behind it is not (503)");
    const swapped = await smokeThrough({ gateways: [product.api], api: product.gateways[0]! });
    expect(saidOf(swapped, "api", "health")).toBe("fail @modelfaucet/gateway answers here");
    const nowhere = await smoke([], {
      ...anywhere,
      MODELFAUCET_API_BASE_URL: "https://nowhere.faucet.invalid",
      MODELFAUCET_GATEWAY_BASE_URL: "https://127.0.0.1:9",
    });
    expect(nowhere.code).toBe(1);
    expect(saidOf(nowhere, "api", "target")).toBe("fail the name nowhere.faucet.invalid does not resolve");
  });
});

describe("what is behind the ingress", () => {
  it("A177: a provider that is down is told with its reason", async () => {
    const session = await fundedSession(product, ground, "1.00");
    product.stub.script("stub-text", { status: 500 });
    await chat(product, session.token, { model: "stub-text" });
    const smoked = await smoke(withToken, through(ingress));
    expect(failedOf(smoked)).toEqual(["gateway providers"]);
    expect(saidOf(smoked, "gateway", "providers")).toMatch(/^fail all down: stub \w+/);
    // To strangers it says only that.
    const told = await smoke([], through(ingress));
    expect(saidOf(told, "gateway", "providers")).toBe("fail none is well, or none is configured");
    product.stub.reset();
    await chat(product, session.token, { model: "stub-text" });
    expect((await smoke(withToken, through(ingress))).code).toBe(0);
  });

  it("A177: a schema that is behind is told with its reason", async () => {
    const [newest] = await product.sql`
      delete from schema_migrations where number = (select max(number) from schema_migrations) returning *`;
    try {
      const smoked = await smoke(withToken, through(ingress));
      expect(smoked.code).toBe(1);
      expect(failedOf(smoked)).toEqual(["api readiness", "gateway readiness"]);
      expect(saidOf(smoked, "api", "readiness")).toBe("fail not ready: schema down");
      expect(smoked.probes.find(({ probe }) => probe === "readiness")!.remedy).toContain("pnpm db:migrate");
    } finally {
      await product.sql`insert into schema_migrations ${product.sql(newest!)}`;
    }
  });
});

describe("wrong usage", () => {
  it("half a configuration is told at once, and nothing is asked", async () => {
    const smoked = await smoke(["--operator-token-env", "NOT_THERE"], {
      MODELFAUCET_API_BASE_URL: "ftp://api.faucet.test",
    });
    expect(smoked.code).toBe(1);
    expect(smoked.stdout).toBe("");
    for (const name of ["MODELFAUCET_API_BASE_URL must be", "MODELFAUCET_GATEWAY_BASE_URL is missing"])
      expect(smoked.stderr).toContain(name);
    expect(smoked.stderr).toContain("--operator-token-env names NOT_THERE, which is not set");
    expect((await smoke(["--no-such"], {})).code).toBe(2);
  });
});
