import { loadSettings } from "../config/load.ts";
import { openEndpoints } from "../endpoints/endpoints.ts";
import { openGrants, ownerOf } from "../grants/grants.ts";
import { runningBridge } from "../home/lock.ts";
import { waitingReports } from "../reports/queue.ts";
import { type CommandContext, exitFine, type Values } from "./command.ts";
import { configPathOf } from "./config-path.ts";

const probeMs = 2000;

/** Whether it runs, and with what; read from its files and its endpoints. */
export async function runStatus(context: CommandContext, values: Values): Promise<number> {
  const { home, environment, print } = context;
  const running = runningBridge(home.lock);
  const settings = loadSettings(
    running === null ? configPathOf(home, environment) : running.config,
    {},
    environment,
  );
  const endpoints = openEndpoints(settings);
  const states = await endpoints.probe(probeMs);
  const models = (await endpoints.models()).map(({ id }) => id);
  const today = new Date().toISOString().slice(0, 10);
  const used = openGrants(home.grants)
    .active()
    .filter(({ tokens_today }) => tokens_today?.day === today)
    .map((grant) => ({
      origin: ownerOf(grant),
      input_tokens: grant.tokens_today!.input,
      output_tokens: grant.tokens_today!.output,
    }));
  const waiting = [...waitingReports(home.usage).values()].reduce((sum, count) => sum + count, 0);
  if (values.json === true) {
    const facts = {
      running: running !== null,
      version: running?.version ?? context.version,
      port: running?.port ?? settings.port,
      ...(running === null
        ? {}
        : { pid: running.pid, listening: running.listening, started_at: running.started_at }),
      endpoints: states.map(({ endpoint, isReachable, modelsCount, error }) => ({
        id: endpoint.id,
        name: endpoint.name,
        kind: endpoint.kind,
        remote: endpoint.isRemote,
        reachable: isReachable,
        models_count: modelsCount,
        ...(error === null ? {} : { error }),
      })),
      models,
      waiting_usage_reports: waiting,
      tokens_today: used,
    };
    print(JSON.stringify(facts, null, 2));
    return exitFine;
  }
  print(
    running === null
      ? "Not running; start it with modelfaucet-bridge start."
      : `Running: version ${running.version}, port ${running.port}, process ${running.pid}`,
  );
  for (const { endpoint, isReachable, modelsCount } of states) {
    print(
      `  ${endpoint.id}: ${endpoint.name}${endpoint.isRemote ? " (not this computer)" : ""}, ${isReachable ? `${modelsCount} models` : "does not answer"}`,
    );
  }
  for (const model of models.slice(0, 100)) print(`    ${model}`);
  print(`Usage reports that wait: ${waiting}`);
  for (const { origin, input_tokens, output_tokens } of used)
    print(`Today ${origin}: ${input_tokens} tokens in, ${output_tokens} out`);
  return exitFine;
}
