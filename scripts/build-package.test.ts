import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage, createPackageFromTarballData, type Problem } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { buildPackage } from "./build-package.ts";

// The client as somebody installs it: packed, unpacked into a project that knows nothing of this repository.

const root = fileURLToPath(new URL("..", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "mf-package-"));
const dist = join(work, "dist");
const installed = join(work, "project/node_modules/@modelfaucet/sdk");
/** What the machine that builds may have in its environment, under names for browsers and for servers. */
const secret = "c4n4ry-Tq7WmZ2vKx9rLp5Yd8Nh3Jb";
let tarball: string;

beforeAll(async () => {
  for (const name of ["VITE_OPENAI_API_KEY", "OPENAI_API_KEY", "SECRET_ENCRYPTION_KEY"])
    vi.stubEnv(name, secret);
  await buildPackage(join(root, "packages/sdk"), dist);
  vi.unstubAllEnvs();
  const packed = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", work], {
    cwd: dist,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  tarball = join(work, (JSON.parse(packed) as { filename: string }[])[0]!.filename);
  mkdirSync(installed, { recursive: true });
  execFileSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", installed]);
}, 60_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

test("publint finds nothing to say", async () => {
  const { messages, pkg } = await publint({ pkgDir: installed, strict: true, pack: false });
  expect(messages.map((message) => formatMessage(message, pkg!))).toEqual([]);
});

test("every entry has its types wherever ESM is resolved", { timeout: 30_000 }, async () => {
  const result = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  if (!result.types) throw new Error("the package has no types");
  expect(Object.keys(result.entrypoints).sort()).toEqual([".", "./server"]);
  // ESM alone: `require` of Node 22 and later takes it, and resolution of before 2022 knows no `exports`.
  const old = (problem: Problem): boolean =>
    "resolutionKind" in problem && ["node10", "node16-cjs"].includes(problem.resolutionKind);
  expect(result.problems.filter((problem) => !old(problem))).toEqual([]);
});

test("A155: nothing of the workspace or its environment is in it, and it needs no other package", () => {
  const manifest = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"));
  expect(Object.keys(manifest).filter((name) => /dependencies$/i.test(name))).toEqual([]);
  expect(manifest).not.toHaveProperty("private");
  const foreign = /@modelfaucet\/contract|from "zod|\.tsx?["']|\/work\/|file:\/\//;
  const files = globSync("**/*.{js,d.ts}", { cwd: installed });
  expect(files).toEqual(expect.arrayContaining(["index.js", "index.d.ts", "server.js", "server.d.ts"]));
  const texts = files.map((file) => ({ file, text: readFileSync(join(installed, file), "utf8") }));
  expect(texts.filter(({ text }) => foreign.test(text) || text.includes(secret))).toEqual([]);
});

test("a strict project compiles against it, and is told of a wrong name", { timeout: 30_000 }, () => {
  const use = (field: string) => `
    import { createFaucet, FaucetLocalError, type FaucetModes, type FaucetReceipt } from "@modelfaucet/sdk";
    import { signUserToken } from "@modelfaucet/sdk/server";
    const faucet = createFaucet({ publicAppId: "app", user: { id: "u" } });
    const modes: FaucetModes = await faucet.modes.get();
    const paidBy: "credits" | "own_key" | "own_device" = modes.items[0]!.paid_by;
    const receipt: FaucetReceipt = await faucet.receipts.get("rcpt_1");
    export const charge: string = receipt.lines[0]!.${field};
    for await (const event of faucet.stream({ feature: "f", input: "x" })) {
      if (event.type === "text") console.log(event.delta, paidBy);
    }
    export const token: string = await signUserToken({ publicAppId: "a", userId: "u", secret: "s" });
    export const isLocal = (error: unknown) => error instanceof FaucetLocalError && error.nextStep === "local.denied";
  `;
  expect(compile(use("amount_usd"))).toBe("");
  expect(compile(use("amount_eur"))).toContain("amount_eur");
});

test("Node runs both entries", () => {
  const script = `
    import { createFaucet, FaucetError, sdkPackage } from "@modelfaucet/sdk";
    import { createSessions } from "@modelfaucet/sdk/server";
    const faucet = createFaucet({ publicAppId: "app", user: { id: "u" } });
    createSessions({ developerToken: "mf_dev_x" });
    console.log(sdkPackage.name, Object.keys(faucet).sort().join(" "), FaucetError.is(new Error("no")));`;
  const project = join(work, "project");
  writeFileSync(join(project, "run.mjs"), script);
  const said = execFileSync(process.execPath, ["run.mjs"], { cwd: project, encoding: "utf8" });
  expect(said.trim()).toBe(
    "@modelfaucet/sdk byok chat createSession fetch limits local modes on receipts runFeature sessionToken stream usage wallet false",
  );
});

/** What the compiler says of a file that uses the package, with every declaration checked, too. */
function compile(text: string): string {
  const project = join(work, "project");
  writeFileSync(join(project, "package.json"), '{"type":"module"}');
  writeFileSync(join(project, "use.ts"), text);
  const flags = "--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --types".split(" ");
  const lib = "--module nodenext --target es2022 --lib es2022,dom,dom.iterable,dom.asynciterable".split(" ");
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [tsc, ...lib, ...flags, "", "use.ts"], { cwd: project, encoding: "utf8" });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
