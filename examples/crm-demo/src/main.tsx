import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import "@fontsource-variable/noto-sans-sc/index.css";
import "./styles/fonts.css";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/page.css";
import "./styles/wallet.css";

// The SDK repeats what may be repeated; a second layer of repeats would only make errors late.
const queryClient = new QueryClient({
  defaultOptions: { queries: { retry: false, refetchOnWindowFocus: false } },
});

// The first paint waits a moment for its fonts, so that no text changes its shape later.
const fontDelayMs = 300;
await Promise.race([
  Promise.all(
    ['14px "Inter Variable"', '12px "JetBrains Mono Variable"'].map((font) => document.fonts.load(font)),
  ),
  new Promise((resolve) => setTimeout(resolve, fontDelayMs)),
]);

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
