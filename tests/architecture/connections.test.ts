import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { breach, importsOf, isTest, linesThat, root, type Source, sourcesUnder } from "./sources.ts";

const server = "apps/server/src";
const sources = sourcesUnder([server], /\.ts$/).filter(({ path }) => !isTest(path));

/** The ways out of the process: the two doors of the guard, and the one to PostgreSQL's own programs. */
const doors = new RegExp(`^${server}/(lib/(outbound[a-z-]*|egress/[a-z-]+)|modules/backup/tools)\\.ts$`);

/** Modules of Node that can open a connection, or start something that can. */
const dials = new Set(
  "net tls http https http2 dgram dns dns/promises child_process cluster quic undici".split(" "),
);

// Judging an address and listening open no connection.
const harmless =
  /^\{(\s*(type\s+\w+|isIP|isIPv4|isIPv6|BlockList|createServer|STATUS_CODES)(\s+as\s+\w+)?\s*,?)*\s*\}$/;

/** What opens one without an import, and what gets at a module without one. */
const byItself =
  /(?<![\w.])(fetch|EventSource|WebSocket|WebSocketStream|require|createRequire)\(|\b(globalThis|global|process)\.(fetch|EventSource|WebSocket|binding|getBuiltinModule)\b|(?<![\w.])import\(\s*[^"'\s]|\bcreateRemoteJWKSet\b/;

/** Comments, and methods that are only called like one. */
const noCall = /function |^\s*(\/\/|\*)|^\s*(fetch|import)\(\w+\??: /;

function connectionsOf(source: Source): string[] {
  return [
    ...importsOf(source)
      .filter((item) => dials.has(item.target.replace(/^node:/, "")) && !item.typeOnly)
      .filter((item) => !harmless.test(item.names))
      .map((item) => breach(source, item.line, `opens connections by ${item.target}`)),
    ...linesThat(source, (line) =>
      byItself.test(line) && !noCall.test(line) ? "opens a connection by itself" : undefined,
    ),
  ];
}

test("connections leave through the doors of lib/outbound and lib/egress alone", () => {
  expect(sources.filter(({ path }) => !doors.test(path)).flatMap(connectionsOf)).toEqual([]);
});

test("the rule sees a connection, however it is come by", () => {
  const seen = (text: string): number =>
    connectionsOf({ path: "x.ts", text, lines: text.split("\n") }).length;
  for (const text of [
    'import { connect } from "node:net";',
    'import net from "net";',
    'import { Resolver } from "node:dns/promises";',
    'import { spawn } from "node:child_process";',
    'import { Agent } from "undici";',
    'const tls = await import("node:tls");',
    "const tls = await import(name);",
    "await fetch(url);",
    "await globalThis.fetch(url);",
    'process.getBuiltinModule("net");',
    'createRequire(import.meta.url)("net");',
    "new WebSocket(url);",
    'import { createRemoteJWKSet } from "jose";',
  ]) {
    expect(seen(text), text).toBeGreaterThan(0);
  }
  for (const text of [
    'import { isIP } from "node:net";',
    'import type { Socket } from "node:net";',
    "await outbound.fetch(url);",
    'await import("./lib/tracing-otlp.ts");',
    "// fetch(url) is not for us",
    "  fetch(url: string): Promise<string>;",
    "await key.import(algorithm);",
  ]) {
    expect(seen(text), text).toBe(0);
  }
});

/**
 * Every library of the server: the files that may import one that opens connections of its own, `null` for one that opens
 * none. A new one is written down here by whoever has looked.
 */
const libraries: Readonly<Record<string, RegExp | null>> = {
  "@modelfaucet/contract": null,
  // A worker thread and a vocabulary.
  "@modelfaucet/token-counter": null,
  "@opentelemetry/api": null,
  // Spans leave through lib/outbound: no exporter is among these.
  "@opentelemetry/otlp-transformer": null,
  "@opentelemetry/resources": null,
  "@opentelemetry/sdk-trace": null,
  "csv-parse": null,
  "eventsource-parser": null,
  fastify: null,
  ioredis: /^modules\/rate\/shared-store\.ts$/,
  "ipaddr.js": null,
  // But for createRemoteJWKSet, which the rule above refuses.
  jose: null,
  pino: null,
  postgres: /^(lib\/(db|migrations)\.ts|commands\/)/,
  "prom-client": null,
  undici: /^lib\/(outbound|egress\/tenant-door)\.ts$/,
  zod: null,
};

test("a library that opens connections is imported where its door is", () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, "apps/server/package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  expect(Object.keys(dependencies).filter((name) => !Object.hasOwn(libraries, name))).toEqual([]);
  const found = sources.flatMap((source) =>
    importsOf(source)
      .filter(({ target, typeOnly }) => {
        const may = libraries[target];
        return may && !typeOnly && !may.test(source.path.slice(server.length + 1));
      })
      .map((item) => breach(source, item.line, `reaches out by ${item.target}`)),
  );
  expect(found).toEqual([]);
});
