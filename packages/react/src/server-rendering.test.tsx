import { createFaucet } from "@modelfaucet/sdk";
import { createElement, type ReactElement } from "react";
import { renderToString } from "react-dom/server";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FaucetBalance } from "./components/faucet-balance.tsx";
import { FaucetByokForm } from "./components/faucet-byok-form.tsx";
import { FaucetChat } from "./components/faucet-chat.tsx";
import { FaucetFeatureCommand } from "./components/faucet-feature-command.tsx";
import { FaucetLocalBridge } from "./components/faucet-local-bridge.tsx";
import { FaucetModeSwitch } from "./components/faucet-mode-switch.tsx";
import { FaucetReceipt } from "./components/faucet-receipt.tsx";
import { FaucetUsage } from "./components/faucet-usage.tsx";
import { FaucetProvider, useFaucet } from "./provider.tsx";

const asked: string[] = [];
const refusing = async (input: string | URL | Request) => {
  asked.push(String(input instanceof Request ? input.url : input));
  throw new TypeError("no request may be made here");
};

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("fetch", refusing);
});
afterEach(() => vi.unstubAllGlobals());

let seen: unknown;
function Look() {
  seen = useFaucet();
  return null;
}

const components: [string, () => ReactElement][] = [
  ["FaucetChat", () => <FaucetChat feature="customer_reply" history showPrice showUsage />],
  ["FaucetFeatureCommand", () => <FaucetFeatureCommand feature="customer_reply" />],
  ["FaucetUsage", () => <FaucetUsage />],
  ["FaucetModeSwitch", () => <FaucetModeSwitch feature="customer_reply" />],
  ["FaucetBalance", () => <FaucetBalance />],
  ["FaucetByokForm", () => <FaucetByokForm />],
  ["FaucetLocalBridge", () => <FaucetLocalBridge />],
  ["FaucetReceipt", () => <FaucetReceipt requestId="req_1" />],
];

test.each(components)("%s renders on a server and asks for nothing", async (_name, component) => {
  const markup = renderToString(
    <FaucetProvider publicAppId="app_pub_demo" user={{ id: "u" }} appearance={{ theme: "dark" }}>
      {component()}
    </FaucetProvider>,
  );
  expect(markup).toContain('data-mf-theme="dark"');
  expect(markup).toContain("mf-root");
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked).toEqual([]);
});

test("the variables and the language are on each component's outermost element", () => {
  const markup = renderToString(
    <FaucetProvider
      publicAppId="app_pub_demo"
      user={{ id: "u" }}
      locale="zh-CN"
      appearance={{ variables: { "--mf-color-primary": "#123456" } }}
    >
      <FaucetBalance className="mine" />
    </FaucetProvider>,
  );
  expect(markup).toContain("--mf-color-primary:#123456");
  expect(markup).toContain('lang="zh-CN"');
  expect(markup).toContain("mf-root mf-balance mine");
  expect(markup).toContain("您的额度");
});

test("useFaucet gives the page's own client, and throws outside of a provider", () => {
  const client = createFaucet({ publicAppId: "app_pub_demo", user: { id: "u" } });
  renderToString(
    <FaucetProvider publicAppId="app_pub_demo" client={client}>
      <Look />
    </FaucetProvider>,
  );
  expect(seen).toBe(client);
  expect(() => renderToString(createElement(Look))).toThrow("<FaucetProvider>");
});
