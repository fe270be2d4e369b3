import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { whenSignedOut } from "./api/call.ts";
import { makeQueryClient } from "./api/read.ts";
import { forgetSession } from "./api/session.ts";
import { makeRouter } from "./router.tsx";
import { takeLinkCode } from "./sign-in/link-code.ts";
import "@fontsource-variable/inter/index.css";
import "@fontsource-variable/jetbrains-mono/index.css";
import "./styles/base.css";

// Before anything else looks at the address.
takeLinkCode();

const queryClient = makeQueryClient();
const router = makeRouter(queryClient);
whenSignedOut(() => {
  forgetSession(queryClient);
  void router.invalidate();
});

// Names in Chinese, where the machine has no letters for them: asked for late, and of its files only those that are used.
const whenIdle = globalThis.requestIdleCallback ?? ((act: () => void) => setTimeout(act, 200));
whenIdle(() => void import("./styles/chinese.css"));

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
