import { chat, credit, type Ground, layGround, wallet } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let ground: Ground;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres"), gateways: 2 });
  ground = await layGround(product);
});
afterAll(() => product.stop());

describe("metering", () => {
  it("A001: the same answer costs the same, streamed or not", async () => {
    const session = await ground.openSession();
    await credit(product, session.userId, "1.00");
    const whole = await chat(product, session.token, { model: "stub-text" });
    expect(whole.body.modelfaucet).toMatchObject({
      upstream_cost_usd: "0.00020000",
      charge_usd: "0.00025000",
      developer_share_usd: "0.00002000",
      platform_share_usd: "0.00003000",
    });
    const streamed = await chat(product, session.token, { model: "stub-text", stream: true });
    expect(streamed.text).toContain('"charge_usd":"0.00025000"');
    expect(streamed.text).not.toContain('"usage"');
    expect((await wallet(product, session.token)).balance_usd).toBe("0.99950000");
  });
});
