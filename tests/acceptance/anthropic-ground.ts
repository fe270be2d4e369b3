import { type Ground, priceEntry, publishPrices } from "@modelfaucet/testkit/ground.ts";
import type { Product } from "@modelfaucet/testkit/product.ts";

/** As a feature lists it. */
export const model = "claude/stub-claude";

/** Adds an upstream `claude` that speaks Anthropic's dialect, and lets the feature use it too. */
export async function speakAnthropic(product: Product, ground: Ground): Promise<void> {
  const made = await product.admin("PUT", "/v1/admin/providers/claude", {
    base_url: product.stub.url,
    dialect: "anthropic",
    reason: "test upstream",
  });
  if (made.status !== 200 || made.body.dialect !== "anthropic") throw new Error(made.text);
  await publishPrices(product, [priceEntry(["stub-claude", "3.00", "0.30", "3.75", "15.00", "0"], "claude")]);
  await ground.setFeature({ models: [model, "stub/stub-text"] });
}
