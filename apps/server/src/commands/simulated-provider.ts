import type { Config } from "../config.ts";
import { startSimulatedProvider } from "../providers/simulated/simulated.ts";

export const simulatedProviderHelp = `usage: pnpm mf simulated-provider
Answers like a provider without a model, on PORT_SIMULATED_PROVIDER, until SIGTERM or SIGINT; refused in production.`;

/** Runs the simulated provider until a signal. @throws in production */
export async function runSimulatedProvider(config: Config): Promise<number> {
  const provider = await startSimulatedProvider({
    port: config.ports.simulatedProvider,
    host: config.bindAddress,
    nodeEnv: config.nodeEnv,
  });
  console.log(`simulated provider listens on ${provider.url}`);
  await new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  await provider.close();
  return 0;
}
