import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it, vi } from "vitest";
import { openPricesBed, type PricesBed } from "../flows/prices-testbed.ts";
import { runPrices } from "./prices.ts";

let bed: PricesBed;
let folder: string;
let out: string[] = [];
let err: string[] = [];
beforeAll(async () => {
  bed = await openPricesBed(inject("postgres"));
  folder = await mkdtemp(join(tmpdir(), "modelfaucet-prices-"));
});
afterAll(async () => {
  await bed.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  out = [];
  err = [];
  vi.spyOn(console, "log").mockImplementation((line) => void out.push(String(line)));
  vi.spyOn(console, "error").mockImplementation((line) => void err.push(String(line)));
});
afterEach(() => vi.restoreAllMocks());

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}
const csv = (...rows: string[]): string => ["provider,model,input_usd,output_usd", ...rows, ""].join("\n");
const run = (...args: string[]) => runPrices(args, bed.deps);
const versions = async () =>
  (
    await bed.database.read(
      { purpose: "operator" },
      (tx) => tx<{ count: number }[]>`
    select count(*)::int as count from price_versions`,
    )
  )[0]!.count;
const inForce = (model: string) => bed.instances[1].prices.find("cli", model)?.perMillion.input ?? null;

describe("prices import", () => {
  it("shows the difference first, then imports and publishes it, audited as bootstrap", async () => {
    const path = await file("list.csv", csv("cli,a,1,2", "cli,b,1,2"));
    expect(await run("import", path)).toBe(0);
    expect(out.join("\n")).toMatch(/added +cli +a .*2 added, 0 changed.*\nversion \d+: published$/s);
    expect(inForce("a")).toBe(100_000_000n);
    const rows = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`
      select action, actor_scope, reason from audit_logs order by id desc limit 2`,
    );
    expect(rows).toMatchObject([
      { action: "price.publish", actor_scope: "bootstrap", reason: "prices:import list.csv" },
      { action: "price.import", actor_scope: "bootstrap" },
    ]);
  });

  it("writes nothing in a dry run", async () => {
    const before = await versions();
    expect(await run("import", await file("dry.csv", csv("cli,dry,1,2")), "--dry-run")).toBe(0);
    expect(out.at(-1)).toBe("dry run: nothing was written");
    expect(await versions()).toBe(before);
  });

  it("refuses a change beyond the bound without --yes, and writes nothing", async () => {
    const path = await file("large.csv", csv("cli,a,1.2,2"));
    const before = await versions();
    expect(await run("import", path, "--max-change", "19.99")).toBe(1);
    expect(err.join()).toMatch(/^3 prices change by more than 19.99 %, .* repeat with --yes$/);
    expect(await versions()).toBe(before);
    expect(await run("import", path, "--max-change", "20")).toBe(0);
    expect(inForce("a")).toBe(120_000_000n);
    const higher = await file("higher.csv", csv("cli,a,12,2"));
    expect(await run("import", higher)).toBe(1);
    expect(await run("import", higher, "--yes", "--json")).toBe(0);
    expect(JSON.parse(out.at(-1)!)).toMatchObject({
      status: "published",
      changed: 1,
      version: expect.any(Number),
    });
    expect(inForce("a")).toBe(1_200_000_000n);
  });

  it("tells every fault of a list, line by line", async () => {
    const path = await file("faults.csv", csv("cli,a,-1,2", "cli,b,1.000000001,2", "cli,c,1,", "cli,d,x,2"));
    expect(await run("import", path)).toBe(1);
    expect(err.join("\n")).toMatch(/line 2.*negative\nline 3.*8 decimal places\nline 4.*missing\nline 5.*/i);
  });

  it("knows LiteLLM's map and the entries of the control API by what stands in them", async () => {
    const map = {
      "cli/m": {
        litellm_provider: "cli",
        mode: "chat",
        input_cost_per_token: 1e-6,
        output_cost_per_token: 2e-6,
      },
      "cli/odd": {
        litellm_provider: "cli",
        mode: "chat",
        input_cost_per_token: 1e-20,
        output_cost_per_token: 2e-6,
      },
    };
    const litellm = await file("map.json", JSON.stringify(map));
    expect(await run("import", litellm)).toBe(1);
    expect(await run("import", litellm, "--leave-out-faulty")).toBe(0);
    expect(inForce("m")).toBe(100_000_000n);
    const entries = [{ provider: "cli", model: "e", per_million: { input_usd: "3", output_usd: "4" } }];
    expect(await run("import", await file("own.json", JSON.stringify({ entries })))).toBe(0);
    expect(inForce("e")).toBe(300_000_000n);
    const [last] = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx`
      select array_agg(source order by version desc) as sources from price_versions`,
    );
    expect(last!.sources.slice(0, 2)).toEqual(["entries", "litellm"]);
  });

  it("schedules with --effective-from and refuses a time that has passed", async () => {
    const path = await file("sched.csv", csv("cli,sched,1,2"));
    expect(await run("import", path, "--effective-from", "2020-01-01T00:00:00Z")).toBe(1);
    expect(err.join()).toMatch(/has passed/);
    const soon = new Date(Date.now() + 86_400_000).toISOString();
    expect(await run("import", path, "--effective-from", soon)).toBe(0);
    expect(out.at(-1)).toMatch(/: scheduled$/);
    expect(inForce("sched")).toBeNull();
  });

  it.each([
    [[]],
    [["import"]],
    [["import", "/nowhere/at/all.csv"]],
    [["import", "https://prices.example/list.json"]],
    [["import", "x.csv", "--format", "openrouter"]],
    [["import", "x.csv", "--format", "xml"]],
    [["import", "x.csv", "--max-change", "-1"]],
    [["import", "x.csv", "--effective-from", "tomorrow"]],
    [["import", "x.csv", "--unknown"]],
    [["list", "--at", "yesterday"]],
  ])("answers %j with 2 and one sentence", async (args) => {
    expect(await run(...args)).toBe(2);
    expect(err).toHaveLength(1);
  });
});

describe("prices list", () => {
  it("prints the book in force, by model, provider and time", async () => {
    expect(await run("list", "--provider", "cli", "--model", "b")).toBe(0);
    expect(out).toHaveLength(3);
    expect(out[1]).toMatch(/^cli +b +1\.00000000 .* 2\.00000000 /);
    out = [];
    expect(
      await run(
        "list",
        "--provider",
        "cli",
        "--at",
        new Date(Date.now() + 2 * 86_400_000).toISOString(),
        "--json",
      ),
    ).toBe(0);
    const later = JSON.parse(out[0]!).items.map((item: { model: string }) => item.model);
    expect(later).toContain("sched");
    out = [];
    expect(await run("list", "--model", "sched")).toBe(0);
    expect(out).toEqual(["No price is in force for that."]);
  });
});
