import type { Config } from "../config.ts";
import { startSimulatedProvider } from "../providers/simulated/simulated.ts";

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
