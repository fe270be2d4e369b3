import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ConfigurationError } from "./environment.ts";
import { loadSettings } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "mf-bridge-config-"));

const whole = `version: 1
listen: { host: localhost, port: 9000 }
endpoints:
  - id: ollama
    name: Ollama on this computer
    kind: ollama
    base_url: http://127.0.0.1:11434/v1/
    models: ["qwen3:*", "llama3.2:3b"]
    context_lengths: { "qwen3:8b": 32768, "*": 8192 }
    max_concurrency: 2
  - { id: studio, kind: lmstudio, base_url: "http://localhost:1234/v1", api_key: "env:STUDIO_KEY" }
  - { id: gpu-box, kind: vllm, base_url: "https://gpu.office.example/v1", allow_remote: true }
aliases: { default: "ollama:qwen3:8b", customer_reply: "studio:gemma" }
grants: { expire_after_days: 7 }
limits: { body_mib: 1, first_byte_s: 2, idle_s: 3, total_min: 4 }
usage_queue: { max_reports: 5, keep_days: 6 }
log: { level: error }
`;

function load(text: string, environment: Record<string, string> = {}) {
  const path = join(folder, "bridge.yaml");
  writeFileSync(path, text);
  return loadSettings(path, {}, environment);
}

/** `line:column path` of every fault. */
function faultsOf(text: string, environment: Record<string, string> = {}): string[] {
  try {
    load(text, environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).lines.map((line) =>
      line.slice(folder.length + "/bridge.yaml:".length),
    );
  }
}

describe("bridge.yaml", () => {
  test("is read whole, with every default where it says nothing", () => {
    const settings = load(whole, { STUDIO_KEY: "from the environment" });
    expect(settings).toMatchObject({
      host: "localhost",
      port: 9000,
      expireAfterDays: 7,
      bodyLimitBytes: 1_048_576,
    });
    expect(settings).toMatchObject({
      firstByteMs: 2000,
      idleMs: 3000,
      totalMs: 240_000,
      maxReports: 5,
      keepReportsDays: 6,
      logLevel: "error",
    });
    const [ollama, studio, remote] = settings.endpoints;
    expect(ollama).toMatchObject({
      baseUrl: "http://127.0.0.1:11434/v1",
      isRemote: false,
      maxConcurrency: 2,
      apiKey: null,
    });
    expect(ollama!.contextLengths).toEqual([
      ["qwen3:8b", 32_768],
      ["*", 8192],
    ]);
    expect(studio).toMatchObject({
      name: "studio",
      apiKey: "from the environment",
      isRemote: false,
      models: null,
    });
    expect(remote).toMatchObject({ isRemote: true });
    expect(
      load('version: 1\nendpoints: [{ id: a, kind: vllm, base_url: "http://[::1]:8000/v1" }]\n'),
    ).toMatchObject({
      host: "127.0.0.1",
      port: 8787,
      expireAfterDays: 90,
      bodyLimitBytes: 33_554_432,
      firstByteMs: 300_000,
      idleMs: 120_000,
      totalMs: 1_800_000,
      maxReports: 10_000,
      keepReportsDays: 30,
      logLevel: "info",
    });
  });

  test("tells every fault of one run, each with its line and column", () => {
    const text = `version: 2
listen: { host: 0.0.0.0, port: 99999 }
endpoints:
  - id: Big Box
    kind: ollama
    base_url: http://127.0.0.1:11434/v1
    colour: red
  - { id: studio, kind: lmstudio, base_url: "http://127.0.0.1:1234/v1", api_key: "sk-literal" }
  - { kind: gpt, base_url: "http://127.0.0.1:1/v1" }
limits: { body_mib: 0 }
upstream: x
`;
    expect(faultsOf(text).map((line) => line.split(": ")[0])).toEqual([
      "1:10 version",
      "2:17 listen.host",
      "2:32 listen.port",
      "4:9 endpoints[0].id",
      "7:5 endpoints[0].colour",
      "8:82 endpoints[1].api_key",
      "9:5 endpoints[2].id",
      "9:13 endpoints[2].kind",
      "10:21 limits.body_mib",
      "11:1 upstream",
    ]);
    expect(faultsOf(text).join("\n")).not.toContain("sk-literal");
  });

  test("tells what only the whole file can say", () => {
    const text = whole
      .replace("http://localhost:1234/v1", "http://192.168.1.5:1234/v1")
      .replace("id: gpu-box", "id: ollama")
      .replace("https://gpu.office.example/v1", "http://169.254.169.254/v1")
      .replace("studio:gemma", "nowhere:gemma");
    expect(faultsOf(text).map((line) => line.split(": ")[0])).toEqual([
      "11:45 endpoints[1].base_url",
      "11:84 endpoints[1].api_key",
      "12:11 endpoints[2].id",
      "12:41 endpoints[2].base_url",
      "13:56 aliases.customer_reply",
    ]);
  });

  test.each([
    ["what is no YAML", "version: [1\n"],
    ["a key twice", "version: 1\nversion: 1\nendpoints: []\n"],
    ["nothing", ""],
    ["a list", "- a\n"],
    ["aliases that grow", `a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b]\n`],
  ])("refuses %s", (_name, text) => {
    expect(faultsOf(text).length).toBeGreaterThan(0);
    expect(faultsOf(text)[0]).toMatch(/^\d+:\d+ /);
  });
});

describe("a base URL", () => {
  const withUrl = (url: string, more = "") =>
    faultsOf(`version: 1\nendpoints: [{ id: a, kind: vllm, base_url: "${url}"${more} }]\n`);
  test.each([
    "http://127.0.0.1:8000/v1",
    "http://localhost:8000",
    "https://[::1]:8000/v1",
    "http://127.1:8000/v1",
    "http://2130706433:8000/v1",
  ])("%s is this computer", (url) => expect(withUrl(url)).toEqual([]));
  test.each([
    "http://192.168.1.5/v1",
    "http://0.0.0.0:8000/v1",
    "http://gpu.example/v1",
    "http://localhost.evil.example/v1",
    "http://[::]:8000/v1",
    "http://[::ffff:10.0.0.1]/v1",
    "ftp://127.0.0.1/v1",
    "127.0.0.1:8000",
    "http://user:pass@127.0.0.1/v1",
    "http://127.0.0.1/v1?key=x",
    "http://127.0.0.1/v1#x",
  ])("%s is refused", (url) => expect(withUrl(url)).toHaveLength(1));
  test.each([
    "http://169.254.169.254/v1",
    "http://[fe80::1]/v1",
    "http://[::ffff:169.254.169.254]/v1",
    "http://2852039166/v1",
    "http://0xa9fea9fe/v1",
    "http://metadata.google.internal/v1",
    "http://[fd00:ec2::254]/v1",
    "http://[64:ff9b::a9fe:a9fe]/v1",
    "http://100.100.100.200/v1",
    "http://0.0.0.0/v1",
  ])("%s is refused even with allow_remote", (url) =>
    expect(withUrl(url, ", allow_remote: true")).toHaveLength(1),
  );
  test("another computer needs allow_remote", () => {
    expect(withUrl("http://192.168.1.5/v1", ", allow_remote: true")).toEqual([]);
  });
});

describe("precedence: flag, environment, file, default", () => {
  const text =
    'version: 1\nlisten: { port: 9000 }\nendpoints: [{ id: ollama, kind: ollama, base_url: "http://127.0.0.1:1/v1" }]\n';
  const environment = {
    MODELFAUCET_BRIDGE_PORT: "9001",
    MODELFAUCET_BRIDGE_OLLAMA_BASE_URL: "http://127.0.0.1:2/v1",
    MODELFAUCET_BRIDGE_OLLAMA_API_KEY: "key2",
  };
  const path = join(folder, "precedence.yaml");
  test.each([
    [
      "a flag",
      path,
      { port: 9002, ollamaBaseUrl: "http://127.0.0.1:3/v1", ollamaApiKey: "key3" },
      environment,
      9002,
      "http://127.0.0.1:3/v1",
      "key3",
    ],
    ["the environment", path, {}, environment, 9001, "http://127.0.0.1:2/v1", "key2"],
    ["the file", path, {}, {}, 9000, "http://127.0.0.1:1/v1", null],
    ["the default", null, {}, {}, 8787, "http://127.0.0.1:11434/v1", "ollama"],
    ["the environment without a file", null, {}, environment, 9001, "http://127.0.0.1:2/v1", "key2"],
  ])("%s", (_name, file, flags, given, port, baseUrl, apiKey) => {
    writeFileSync(path, text);
    const settings = loadSettings(file, flags, given);
    expect(settings.port).toBe(port);
    expect(settings.endpoints[0]).toMatchObject({ id: "ollama", baseUrl, apiKey });
  });
  test("a URL of another computer is refused from every source", () => {
    expect(() => loadSettings(null, { ollamaBaseUrl: "http://10.0.0.1/v1" }, {})).toThrow(ConfigurationError);
    expect(() => loadSettings(null, {}, { MODELFAUCET_BRIDGE_PORT: "http" })).toThrow(ConfigurationError);
  });
});
