import { browserGuard } from "@modelfaucet/browser-build/browser-guard.ts";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const port = Number(process.env.PORT_CRM_DEMO ?? 5174);

// One address, because the app's allowed origins name it: another port would be refused by the gateway.
const address = { host: "127.0.0.1", port, strictPort: true };

export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    react(),
    browserGuard({
      allow: [
        "VITE_MODELFAUCET_API_BASE_URL",
        "VITE_MODELFAUCET_GATEWAY_BASE_URL",
        "VITE_MODELFAUCET_PUBLIC_APP_ID",
        "VITE_MODELFAUCET_BRIDGE_URL",
      ],
      env: process.env,
    }),
  ],
  server: address,
  preview: address,
  build: { target: "es2022", assetsInlineLimit: 0 },
});
