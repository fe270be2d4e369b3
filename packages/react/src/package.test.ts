import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildPackage } from "../../../scripts/build-package.ts";

// The package as somebody installs it: built, beside the built client, in a project that knows nothing of this repository.

const root = join(import.meta.dirname, "../../..");
const work = mkdtempSync(join(tmpdir(), "mf-react-"));
const modules = join(work, "node_modules");
const installed = join(modules, "@modelfaucet/react");

beforeAll(async () => {
  for (const name of ["sdk", "react"]) {
    await buildPackage(join(root, "packages", name), join(modules, "@modelfaucet", name));
  }
  for (const name of ["react", "react-dom", "@types/react", "@types/react-dom"]) {
    mkdirSync(join(modules, name, ".."), { recursive: true });
    symlinkSync(join(root, "packages/react/node_modules", name), join(modules, name));
  }
  writeFileSync(join(work, "package.json"), '{"type":"module"}');
}, 60_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

test("publint finds nothing to say", async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
  expect(messages.map((message) => formatMessage(message, pkg!))).toEqual([]);
});

test("it needs the client and React, and nothing of the workspace is in it", () => {
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect(manifest).toMatchObject({
    dependencies: { "@modelfaucet/sdk": expect.stringMatching(/^\d+\.\d+\.\d+$/) },
    peerDependencies: { react: ">=18" },
  });
  expect(manifest).not.toHaveProperty("private");
  const files = globSync("**/*.{js,d.ts,css}", { cwd: installed });
  expect(files).toEqual(expect.arrayContaining(["index.js", "index.d.ts", "styles.css"]));
  const foreign = /@modelfaucet\/contract|\.tsx?["']|file:\/\//;
  expect(files.filter((file) => foreign.test(readFileSync(join(installed, file), "utf8")))).toEqual([]);
  const code = readFileSync(join(installed, "index.js"), "utf8");
  expect(code).toMatch(/^"use client"/);
  const imports = [...code.matchAll(/from "([^"]+)"/g)].map(([, name]) => name);
  expect([...new Set(imports)].sort()).toEqual(["@modelfaucet/sdk", "react", "react/jsx-runtime"]);
  // No path leads from a text to markup.
  expect(code).not.toMatch(/dangerouslySetInnerHTML|innerHTML|\beval\(|new Function/);
});

test("it takes nothing of React that version 18 does not have", () => {
  const code = readFileSync(join(installed, "index.js"), "utf8");
  const taken = (from: string): string[] =>
    [...code.matchAll(/import \{([^}]*)\} from "([^"]+)"/g)]
      .filter(([, , module]) => module === from)
      .flatMap(([, names]) => names!.split(",").map((name) => name.trim()));
  // Its types are those of another version, so it is read without any.
  const require = createRequire(import.meta.url);
  const react18 = require("react-18") as object;
  const runtime18 = require("react-18/jsx-runtime") as object;
  expect(taken("react").length).toBeGreaterThan(5);
  expect(taken("react").filter((name) => !(name in react18))).toEqual([]);
  expect(taken("react/jsx-runtime").filter((name) => !(name in runtime18))).toEqual([]);
});

test("what comes later is not there yet", () => {
  const said = execFileSync(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      'console.log(Object.keys(await import("@modelfaucet/react")).sort().join(" "))',
    ],
    { cwd: work, encoding: "utf8" },
  );
  expect(said.trim().split(" ")).toEqual([
    "FaucetBalance",
    "FaucetByokForm",
    "FaucetChat",
    "FaucetFeatureCommand",
    "FaucetLocalBridge",
    "FaucetModeSwitch",
    "FaucetProvider",
    "FaucetReceipt",
    "FaucetUsage",
    "reactPackage",
    "useByokKeys",
    "useFaucet",
    "useFaucetChat",
    "useFaucetFeature",
    "useLimits",
    "useLocalBridge",
    "useModes",
    "useReceipts",
    "useUsage",
    "useWallet",
  ]);
});

test("a strict project compiles against it, is told of a wrong property, and renders on a server", {
  timeout: 60_000,
}, () => {
  const page = (props: string) => `
    import { FaucetChat, FaucetProvider, useModes, type FaucetMessages } from "@modelfaucet/react";
    import { createElement } from "react";
    import { renderToString } from "react-dom/server";
    const messages: FaucetMessages = { "chat.submit": "Go" };
    const chat = createElement(FaucetChat, { feature: "customer_reply", ${props} });
    const element = createElement(FaucetProvider, { publicAppId: "app", user: { id: "u" }, messages }, chat);
    console.log(renderToString(element));
    export const payer = () => useModes("customer_reply").payer?.fee_usd satisfies string | undefined;
  `;
  expect(compile(page("history: true"))).toBe("");
  expect(compile(page("histroy: true"))).toContain("histroy");
  writeFileSync(join(work, "page.ts"), page("history: true"));
  const said = execFileSync(process.execPath, ["page.ts"], { cwd: work, encoding: "utf8" });
  expect(said).toContain('class="mf-root mf-chat"');
  expect(said).toContain(">Go</button>");
});

/** What the compiler says of a file that uses the package, with every declaration checked, too. */
function compile(text: string): string {
  writeFileSync(join(work, "page.ts"), text);
  const flags = "--noEmit --strict --exactOptionalPropertyTypes --types".split(" ");
  const lib = "--module nodenext --target es2022 --lib es2022,dom,dom.iterable,dom.asynciterable".split(" ");
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [tsc, ...lib, ...flags, "", "page.ts"], {
      cwd: work,
      encoding: "utf8",
    });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
