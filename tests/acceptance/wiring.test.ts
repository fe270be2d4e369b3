import { chat, credit, layGround, priceEntry, publishPrices } from "@modelfaucet/testkit/ground.ts";
import { startProduct } from "@modelfaucet/testkit/product.ts";
import { startStubUpstream } from "@modelfaucet/testkit/stub-upstream/stub-upstream.ts";
import { expect, inject, it } from "vitest";

it("the testkit's wiring: an upstream is reached under a name that only its host map knows", async () => {
  const stub = await startStubUpstream();
  const product = await startProduct({
    postgres: inject("postgres"),
    env: {
      MODELFAUCET_HOST_MAP: "upstream.test=127.0.0.1",
      LITELLM_BASE_URL: `http://upstream.test:${stub.port}`,
      LITELLM_MASTER_KEY: "sk-mapped-upstream-0123456789abcd",
    },
  });
  try {
    const ground = await layGround(product);
    await publishPrices(product, [priceEntry(["stub-text", "1.00", "0.10", "1.25", "2.00", "0"], "litellm")]);
    await ground.setFeature({ models: ["litellm/stub-text"] });
    const session = await ground.openSession();
    await credit(product, session.userId, "1.00");
    const answer = await chat(product, session.token, { model: "auto:chat" });
    expect(answer.body.modelfaucet).toMatchObject({ provider: "litellm", charge_usd: "0.00025000" });
    expect(stub.billableCalls).toBe(1);
    expect(stub.requests[0]!.headers.authorization).toBe("Bearer sk-mapped-upstream-0123456789abcd");
  } finally {
    await product.stop();
    await stub.close();
  }
});
