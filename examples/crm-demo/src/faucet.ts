import { createFaucet } from "@modelfaucet/sdk";

const env = import.meta.env;

export const apiBaseUrl = env.VITE_MODELFAUCET_API_BASE_URL ?? "http://127.0.0.1:3001";
export const gatewayBaseUrl = env.VITE_MODELFAUCET_GATEWAY_BASE_URL ?? "http://127.0.0.1:3002/v1";
export const publicAppId = env.VITE_MODELFAUCET_PUBLIC_APP_ID ?? "app_pub_demo";
export const featureKey = "customer_reply";

/** The whole connection of this page: no key, only who the user is. The app's identity mode is `demo`. */
export const faucet = createFaucet({
  publicAppId,
  baseUrl: apiBaseUrl,
  gatewayBaseUrl,
  ...(env.VITE_MODELFAUCET_BRIDGE_URL ? { localBridgeBaseUrl: env.VITE_MODELFAUCET_BRIDGE_URL } : {}),
  user: { id: "crm-demo-user" },
});
