import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { formatUsd } from "../lib/money.ts";
import { listPrices, listVersions, type PriceList, parseEntries } from "../modules/pricing/pricing.ts";
import { importPrices, publishPrices } from "./prices.ts";
import { ensureShippedPrices } from "./prices-shipped.ts";
import { openPricesBed, type PricesBed, testOperator } from "./prices-testbed.ts";

let bed: PricesBed;
beforeAll(async () => {
  bed = await openPricesBed(inject("postgres"));
});
afterAll(() => bed.close());

function prices(provider: string, models: Record<string, [input: string, output: string]>): PriceList {
  return parseEntries(
    Object.entries(models).map(([model, [input_usd, output_usd]]) => ({
      provider,
      model,
      per_million: { input_usd, output_usd },
    })),
  );
}

async function draft(list: PriceList, more: { effectiveAt?: Date } = {}): Promise<number> {
  const made = await importPrices(bed.deps, testOperator, {
    source: "entries",
    list,
    reason: "test",
    ...more,
  });
  return made.version!;
}

const publish = (version: number, acceptLargeChanges = false) =>
  publishPrices(bed.deps, testOperator, { version, acceptLargeChanges, reason: "test" });

const inputOf = (provider: string, model: string, instance: 0 | 1 = 0) => {
  const price = bed.instances[instance].prices.find(provider, model);
  return price === null ? null : formatUsd(price.perMillion.input);
};

const auditRows = (action: string, version: number) =>
  bed.database.read(
    { purpose: "operator" },
    (tx) => tx`
    select actor_name, reason, after from audit_logs where action = ${action} and resource_id = ${String(version)}`,
  );

describe("a price version", () => {
  it("is a draft until it is published, then in force on both instances when the call answers", async () => {
    const version = await draft(prices("one", { a: ["1", "2"] }));
    expect(inputOf("one", "a")).toBeNull();
    const published = await publish(version);
    expect(published).toMatchObject({ version, status: "published" });
    for (const instance of [0, 1] as const) {
      expect(inputOf("one", "a", instance)).toBe("1.00000000");
      expect(bed.instances[instance].prices.version()).toBe(version);
    }
  });

  it("keeps every price exactly: six units, tiers, eight decimals", async () => {
    const list = parseEntries([
      {
        provider: "exact",
        model: "m",
        per_million: {
          input_usd: "0.00000001",
          cached_input_usd: "999999.99999999",
          cache_write_usd: "3",
          output_usd: "0.1",
          reasoning_usd: "5",
          request_usd: "1000000000",
        },
        tiers: [{ above_input_tokens: 200_000, per_million: { input_usd: "7.12345678", output_usd: "8" } }],
        context_length: 1_000_000,
        max_output_tokens: 65_536,
        capabilities: ["tools", "vision"],
      },
    ]);
    const version = await draft(list);
    await publish(version);
    expect(bed.instances[1].prices.find("exact", "m")).toEqual({ ...list.entries[0], version });
  });

  it("keeps what the list does not say of a model beside its prices", async () => {
    const full = { context_length: 1_000_000, max_output_tokens: 64_000, capabilities: ["tools"] };
    const of = (more: object, input_usd = "1") =>
      parseEntries([{ provider: "facts", model: "m", per_million: { input_usd, output_usd: "1" }, ...more }]);
    await publish(await draft(of(full)));
    await publish(await draft(of({}, "1.1")));
    expect(bed.instances[1].prices.find("facts", "m")).toMatchObject({
      contextLength: 1_000_000,
      maxOutputTokens: 64_000,
      capabilities: ["tools"],
    });
    await publish(await draft(of({ context_length: 32_000, capabilities: [] })));
    expect(bed.instances[1].prices.find("facts", "m")).toMatchObject({
      contextLength: 32_000,
      maxOutputTokens: 32_000,
      capabilities: [],
    });
  });

  it("replaces only the models that it names", async () => {
    await publish(await draft(prices("merge", { a: ["1", "1"], b: ["2", "2"] })));
    const second = await importPrices(bed.deps, testOperator, {
      source: "entries",
      list: prices("merge", { b: ["2.5", "2"] }),
      reason: "test",
    });
    expect(second.diff.changed).toMatchObject([
      { model: "b", unit: "input", percent: "+25.00" },
      { model: "b", unit: "cached_input" },
      { model: "b", unit: "cache_write" },
    ]);
    expect(second.diff.removed.map(({ model }) => model)).toEqual(["a"]);
    expect(second.warnings.join()).toMatch(/1 × no longer in this list.*merge\/a/);
    await publish(second.version!);
    expect([inputOf("merge", "a"), inputOf("merge", "b")]).toEqual(["1.00000000", "2.50000000"]);
  });

  it("cannot be changed or taken back, by nobody", async () => {
    const version = await draft(prices("fixed", { a: ["1", "1"] }));
    await publish(version);
    const attempts = [
      (tx: import("../lib/db.ts").Tx) =>
        tx`update model_prices set price_per_million_usd = 0 where version = ${version}`,
      (tx: import("../lib/db.ts").Tx) => tx`delete from price_publications where version = ${version}`,
      (tx: import("../lib/db.ts").Tx) =>
        tx`update price_versions set effective_from = now() where version = ${version}`,
    ];
    for (const attempt of attempts) {
      await expect(bed.database.write({ purpose: "operator" }, attempt)).rejects.toThrow(/permission denied/);
    }
  });

  it("stands in the audit log with its draft and its publication, in words and figures", async () => {
    const version = await draft(prices("audited", { a: ["1", "1"] }));
    expect(await auditRows("price.publish", version)).toHaveLength(0);
    await publish(version);
    await publish(version);
    for (const action of ["price.import", "price.publish"]) {
      expect(await auditRows(action, version)).toMatchObject([
        { actor_name: "operator@example.com", reason: "test", after: { models: 1, added: 1 } },
      ]);
    }
  });
});

describe("a large change", () => {
  it("by more than 50 %, to 0 or from 0 is refused with its rows until it is accepted", async () => {
    await publish(
      await draft(prices("large", { a: ["1", "1"], b: ["1", "1"], c: ["0", "0"], d: ["1", "1"] })),
    );
    const version = await draft(
      prices("large", { a: ["1.51", "1"], b: ["0", "1"], c: ["1", "0"], d: ["1.5", "0.5"] }),
    );
    const error = await publish(version).catch((refused: unknown) => refused);
    expect(error).toMatchObject({ code: "conflict", details: { reason: "large_changes", count: 9 } });
    const rows = (error as { details: { changes: Record<string, unknown>[] } }).details.changes;
    expect(new Set(rows.map((row) => row.model))).toEqual(new Set(["a", "b", "c"]));
    expect(rows[0]).toMatchObject({ before_usd: "1.00000000", after_usd: "1.51000000", change_percent: 51 });
    expect(inputOf("large", "a")).toBe("1.00000000");
    expect(await auditRows("price.publish", version)).toHaveLength(0);
    await publish(version, true);
    expect(inputOf("large", "a")).toBe("1.51000000");
  });

  it("is measured against the book at the publication, not at the import", async () => {
    await publish(await draft(prices("moved", { a: ["1", "1"] })));
    const small = await draft(prices("moved", { a: ["1.4", "1"] }));
    await publish(await draft(prices("moved", { a: ["0.6", "1"] })));
    await expect(publish(small)).rejects.toMatchObject({ details: { reason: "large_changes" } });
  });
});

describe("publications", () => {
  it("at once follow each other: the one refused for its change has seen the other", async () => {
    await publish(await draft(prices("race", { a: ["10", "10"] })));
    // Each alone is within the bound; one after the other, whichever comes second is not.
    const up = await draft(prices("race", { a: ["14", "10"] }));
    const down = await draft(prices("race", { a: ["6", "10"] }));
    const results = await Promise.allSettled([publish(up), publish(down)]);
    const won = results.findIndex(({ status }) => status === "fulfilled");
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(results[1 - won]).toMatchObject({ reason: { details: { reason: "large_changes" } } });
    for (const instance of [0, 1] as const) {
      expect(inputOf("race", "a", instance)).toBe(won === 0 ? "14.00000000" : "6.00000000");
    }
  });

  it("lie over each other in the order in which they were published, whatever their numbers", async () => {
    const older = await draft(prices("order", { a: ["1", "1"], b: ["1", "1"] }));
    const newer = await draft(prices("order", { a: ["1.2", "1"] }));
    await publish(newer);
    await publish(older);
    for (const instance of [0, 1] as const) {
      expect(inputOf("order", "a", instance)).toBe("1.00000000");
      expect(bed.instances[instance].prices.version()).toBe(older);
    }
  });

  it("many at once leave both instances with the same book, the last one published on top", async () => {
    const versions: number[] = [];
    for (let cents = 0; cents < 4; cents++) {
      versions.push(
        await draft(prices("many", { a: [`1.${cents + 1}`, "1"], [`only${cents}`]: ["1", "1"] })),
      );
    }
    await Promise.all(versions.map((version) => publish(version)));
    const [last] = await bed.database.read(
      { purpose: "operator" },
      (tx) => tx<{ version: number }[]>`
      select version from price_publications where version = any(${versions}) order by published_at desc limit 1`,
    );
    const cents = versions.indexOf(last!.version);
    for (const instance of [0, 1] as const) {
      const { prices: book } = bed.instances[instance];
      expect(book.version()).toBe(last!.version);
      expect(inputOf("many", "a", instance)).toBe(`1.${cents + 1}0000000`);
      for (let each = 0; each < 4; each++) expect(book.find("many", `only${each}`)).not.toBeNull();
    }
  });

  it("of the same version at once are one, and a repeat answers the same", async () => {
    const version = await draft(prices("twice", { a: ["1", "1"] }));
    const [first, second] = await Promise.all([publish(version), publish(version)]);
    expect(second).toEqual(first);
    expect(await publish(version)).toEqual(first);
    expect(first).toMatchObject({ status: "published", diff: { added: [{ model: "a" }] } });
  });

  it("of a version that does not exist are refused", async () => {
    await expect(publish(999_999)).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("a time of its own", () => {
  it("that has passed is refused at the import and at the publication", async () => {
    const late = draft(prices("past", { a: ["1", "1"] }), { effectiveAt: new Date(Date.now() - 120_000) });
    await expect(late).rejects.toMatchObject({ code: "invalid_request", param: "effective_at" });
    const soon = await draft(prices("past", { a: ["1", "1"] }), {
      effectiveAt: new Date(Date.now() + 5_000),
    });
    await bed.setClockOffset(120_000);
    try {
      await expect(publish(soon)).rejects.toMatchObject({ details: { reason: "effective_at_passed" } });
    } finally {
      await bed.setClockOffset(0);
    }
  });

  it("is kept: scheduled until then, in force on both instances from then on, without another word", async () => {
    await publish(await draft(prices("sched", { a: ["1", "1"] })));
    const at = new Date(Date.now() + 3_600_000);
    const version = await draft(prices("sched", { a: ["1.2", "1"] }), { effectiveAt: at });
    expect(await publish(version)).toMatchObject({ status: "scheduled" });
    expect(inputOf("sched", "a", 1)).toBe("1.00000000");
    const listed = await bed.database.read({ purpose: "operator" }, async (tx) => ({
      now: await listPrices(tx, { provider: "sched", limit: 10 }),
      later: await listPrices(tx, { provider: "sched", at: at.toISOString(), limit: 10 }),
    }));
    expect(listed.now).toMatchObject([{ effectiveUntil: at }]);
    expect(listed.later).toMatchObject([{ version, effectiveAt: at, effectiveUntil: null }]);
    await bed.setClockOffset(3_601_000);
    try {
      await expect
        .poll(() => [inputOf("sched", "a", 0), inputOf("sched", "a", 1)], { timeout: 5_000 })
        .toEqual(["1.20000000", "1.20000000"]);
      expect(await publish(version)).toMatchObject({ status: "published" });
    } finally {
      await bed.setClockOffset(0);
    }
  });
});

describe("reading the book", () => {
  it("pages by provider and model, and finds by a part of a name in any case", async () => {
    await publish(
      await draft(prices("page", { "m-1": ["1", "1"], "M-2": ["1", "1"], m_3: ["1", "1"], é: ["1", "1"] })),
    );
    const pages = await bed.database.read({ purpose: "operator" }, async (tx) => {
      const first = await listPrices(tx, { provider: "page", limit: 3 });
      const rest = await listPrices(tx, { provider: "page", limit: 3, after: first.at(-1) });
      return [
        first,
        rest,
        await listPrices(tx, { q: "PAGE/m-", limit: 9 }),
        await listPrices(tx, { q: "%", limit: 9 }),
      ];
    });
    expect(pages.map((rows) => rows.map(({ model }) => model))).toEqual([
      ["M-2", "m-1", "m_3"],
      ["é"],
      ["M-2", "m-1"],
      [],
    ]);
  });

  it("lists versions newest first, with their status", async () => {
    const published = await draft(prices("listed", { a: ["1", "1"], b: ["1", "1"] }));
    await publish(published);
    const open = await draft(prices("listed", { a: ["1", "1"] }));
    const rows = await bed.database.read({ purpose: "operator" }, (tx) => listVersions(tx, { limit: 2 }));
    expect(rows).toMatchObject([
      { version: open, status: "draft", entries: 1, effectiveAt: null, publishedAt: null },
      { version: published, status: "published", entries: 2, importedBy: "operator@example.com" },
    ]);
    const [before] = await bed.database.read({ purpose: "operator" }, (tx) =>
      listVersions(tx, { limit: 1, before: open }),
    );
    expect(before!.version).toBe(published);
  });
});

describe("the shipped prices", () => {
  it("are published once, two at once included, and leave what an operator has priced alone", async () => {
    await publish(await draft(prices("simulated", { "sim-small": ["9", "9"] })));
    const deps = { ...bed.deps, production: false };
    const both = await Promise.all([ensureShippedPrices(deps), ensureShippedPrices(deps)]);
    expect(both.map(({ created }) => created).sort()).toEqual([false, true]);
    expect(both[0]!.version).toBe(both[1]!.version);
    expect(await ensureShippedPrices(deps)).toEqual({ created: false, version: both[0]!.version });
    expect(inputOf("simulated", "sim-small", 1)).toBe("9.00000000");
    expect(inputOf("simulated", "sim-large", 1)).toBe("2.50000000");
    expect(inputOf("openai", "gpt-4o-mini", 1)).toBe("0.15000000");
  });

  it("hold nothing simulated in production", async () => {
    const own = await openPricesBed(inject("postgres"));
    try {
      await ensureShippedPrices({ ...own.deps, production: true });
      expect(own.instances[0].prices.find("openai", "gpt-4o-mini")).not.toBeNull();
      expect(own.instances[0].prices.find("simulated", "sim-small")).toBeNull();
    } finally {
      await own.close();
    }
  });
});
