import { type ComponentType, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import {
  FaucetBalance,
  FaucetByokForm,
  FaucetChat,
  FaucetFeatureCommand,
  FaucetLocalBridge,
  FaucetModeSwitch,
  FaucetProvider,
  type FaucetProviderProps,
  FaucetReceipt,
  FaucetUsage,
} from "../src/index.ts";
import "../src/styles.css";

// A page for the browser tests: shows the components that the address names, and notes what they call back.

const components: Record<string, ComponentType<never>> = {
  FaucetBalance,
  FaucetByokForm,
  FaucetChat,
  FaucetFeatureCommand,
  FaucetLocalBridge,
  FaucetModeSwitch,
  FaucetReceipt,
  FaucetUsage,
};

type Asked = {
  provider: FaucetProviderProps;
  show: { component: string; props?: Record<string, unknown>; callbacks?: string[] }[];
};

const page = globalThis as unknown as { heard: [string, unknown][]; unmount: () => void };
page.heard = [];
const hear = (name: string) => (value: unknown) => page.heard.push([name, value]);

const { provider, show } = JSON.parse(decodeURIComponent(location.hash.slice(1))) as Asked;
const root = createRoot(document.getElementById("root")!);
page.unmount = () => root.unmount();
root.render(
  <StrictMode>
    <FaucetProvider {...provider} onError={(error) => hear("error")(error.code)}>
      {show.map(({ component, props = {}, callbacks = [] }) => {
        const Component = components[component] as ComponentType<Record<string, unknown>>;
        const heard = Object.fromEntries(callbacks.map((name) => [name, hear(name)]));
        return <Component key={component} {...props} {...heard} />;
      })}
    </FaucetProvider>
  </StrictMode>,
);
