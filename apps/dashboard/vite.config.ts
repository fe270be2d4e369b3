import { browserGuard } from "@modelfaucet/browser-build/browser-guard.ts";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { contentSecurityPolicy } from "./content-security-policy.ts";

const port = Number(process.env.PORT_DASHBOARD ?? 5173);
const apiBaseUrl = process.env.VITE_MODELFAUCET_API_BASE_URL ?? "http://127.0.0.1:3001";

// One address, because the API lets the console's origin alone use a cookie.
const address = { host: "127.0.0.1", port, strictPort: true };

export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    react(),
    tailwindcss(),
    browserGuard({ allow: ["VITE_MODELFAUCET_API_BASE_URL"], env: process.env }),
  ],
  // No other variable reaches the pages, whatever else begins with VITE_.
  envPrefix: "VITE_MODELFAUCET_API_BASE_URL",
  server: address,
  preview: {
    ...address,
    headers: {
      "content-security-policy": contentSecurityPolicy(apiBaseUrl),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  },
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, manifest: true },
});
