import { createServer } from "node:http";
import { chat, credit, type GroundSession, layGround } from "@modelfaucet/testkit/ground.ts";
import { type Product, startProduct } from "@modelfaucet/testkit/product.ts";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";

let product: Product;
let session: GroundSession;
/** A host that somebody would like to be called. */
const trap = createServer((_, response) => response.end("{}"));
let trapped = 0;
let trapUrl: string;

beforeAll(async () => {
  product = await startProduct({ postgres: inject("postgres") });
  session = await (await layGround(product)).openSession();
  await credit(product, session.userId, "5.00");
  trap.on("connection", () => (trapped += 1));
  await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
  trapUrl = `http://127.0.0.1:${(trap.address() as { port: number }).port}/v1`;
});
afterAll(async () => {
  trap.close();
  await product.stop();
});

/**
 * Whatever redirects, re-keys, re-prices or re-logs a call on an upstream that takes such fields.
 * Source: https://docs.litellm.ai/docs/proxy/clientside_auth and /docs/completion/input, read November 2026.
 */
const fields = [
  ...["api_base", "base_url", "api_key", "api_type", "api_version", "organization"],
  ...["headers", "extra_headers", "extra_body", "extra_query", "default_headers"],
  ...[
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_region_name",
    "aws_bedrock_runtime_endpoint",
  ],
  ...["aws_role_name", "aws_session_name", "aws_profile_name", "aws_web_identity_token", "aws_sts_endpoint"],
  ...["vertex_project", "vertex_location", "vertex_credentials", "vertex_ai_project"],
  ...[
    "azure_ad_token",
    "azure_endpoint",
    "watsonx_url",
    "sagemaker_base_url",
    "bedrock_api_base",
    "google_api_key",
  ],
  ...[
    "custom_llm_provider",
    "litellm_params",
    "litellm_metadata",
    "litellm_credential_name",
    "litellm_session_id",
  ],
  ...[
    "model_list",
    "user_config",
    "fallbacks",
    "context_window_fallbacks",
    "mock_response",
    "mock_tool_calls",
  ],
  ...[
    "input_cost_per_token",
    "output_cost_per_token",
    "no-log",
    "success_callback",
    "langfuse_host",
    "langsmith_api_key",
  ],
  ...[
    "provider_specific_header",
    "proxy_server_request",
    "client_secret",
    "tenant_id",
    "configurable_clientside_auth_params",
  ],
  ...["proxy", "timeout", "num_retries", "ssl_verify", "deployment_id", "region_name"],
];

describe("A153: fields that redirect or re-key", () => {
  it.each(fields)(
    "A153: %s is 400 by name, whatever its case and place, and reaches nobody",
    async (name) => {
      const before = product.stub.calls;
      for (const spelled of [name, name.toUpperCase(), `${name[0]!.toUpperCase()}${name.slice(1)}`]) {
        for (const value of [trapUrl, { url: trapUrl, Authorization: "Bearer x" }, null]) {
          for (const stream of [false, true]) {
            const answer = await chat(product, session.token, {
              model: "stub-flat",
              stream,
              [spelled]: value,
            });
            expect({ status: answer.status, ...answer.body.error }).toMatchObject({
              status: 400,
              code: "invalid_request",
              param: spelled,
            });
            expect(answer.body.error.message).toContain(spelled);
          }
        }
      }
      expect(product.stub.calls).toBe(before);
      expect(trapped).toBe(0);
    },
  );

  it("A153: headers of that kind are not passed on either", async () => {
    const headers = {
      "x-api-base": trapUrl,
      "api-key": "mine",
      "openai-organization": "org-mine",
      "x-litellm-api-key": "mine",
      "helicone-auth": "mine",
    };
    expect((await chat(product, session.token, { model: "stub-flat" }, { headers })).status).toBe(200);
    const sent = product.stub.requests.at(-1)!.headers;
    for (const name of Object.keys(headers)) expect(sent).not.toHaveProperty(name);
    expect(sent.authorization).toBeUndefined();
    expect(trapped).toBe(0);
  });

  it("A153: a feature's manifest cannot carry them", async () => {
    const apps = (await product.developer("GET", "/v1/developer/apps")).body.items;
    for (const name of [...fields, "web_search_options", "plugins", "service_tier", "model", "n"]) {
      const answer = await product.developer(
        "PUT",
        `/v1/developer/apps/${apps[0].public_app_id}/features/forged`,
        {
          display_name: "Forged",
          policy: { models: [{ provider: "stub", model: "stub-flat", options: { [name]: trapUrl } }] },
        },
      );
      expect({ status: answer.status, text: answer.text }).toMatchObject({
        status: 400,
        text: expect.stringContaining(name),
      });
    }
  });
});
