/// <reference types="vite/client" />

interface ImportMetaEnv {
  readonly VITE_MODELFAUCET_API_BASE_URL?: string;
}
