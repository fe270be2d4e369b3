/// <reference types="vite/client" />

interface ImportMetaEnv {
  readonly VITE_MODELFAUCET_API_BASE_URL?: string;
  readonly VITE_MODELFAUCET_GATEWAY_BASE_URL?: string;
  readonly VITE_MODELFAUCET_PUBLIC_APP_ID?: string;
  readonly VITE_MODELFAUCET_BRIDGE_URL?: string;
}
