import { homedir } from "node:os";
import { join } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import packageFacts from "../../package.json" with { type: "json" };
import { ConfigurationError, type Environment } from "../config/environment.ts";
import { homeAt } from "../home/home.ts";
import { type CommandContext, exitFailed, exitFine, exitUsage, UsageError, type Values } from "./command.ts";

const help = `modelfaucet-bridge ${packageFacts.version}: lets web pages that you paired use the models on your own computer.

usage: modelfaucet-bridge <command>

  start    serve until interrupted
           --port 8787  --config FILE  --ollama-base-url URL  --ollama-api-key KEY  --json
  pair     show waiting requests with their codes
           --origin URL    a code in advance, for exactly this origin
           --native NAME   a token for a program without an origin
           --models GLOB,…  --expires-days 90   with either of them
  grants   list who is paired  --json
  revoke   <grant id>, <origin> or --all
  status   is it running, and what was used today  --json
  doctor   check configuration, files, port and model servers  --json

Environment: MODELFAUCET_BRIDGE_HOME (~/.modelfaucet), MODELFAUCET_BRIDGE_CONFIG, MODELFAUCET_BRIDGE_PORT,
MODELFAUCET_BRIDGE_OLLAMA_BASE_URL, MODELFAUCET_BRIDGE_OLLAMA_API_KEY. Flags go before them, they before the file.
Exit: 0 fine, 1 failed or configured wrongly, 2 called wrongly.`;

type Command = {
  options: NonNullable<ParseArgsConfig["options"]>;
  positionals: number;
  run(context: CommandContext, values: Values, positionals: readonly string[]): Promise<number> | number;
};

const text = { type: "string" } as const;
const flag = { type: "boolean" } as const;

/** Each is loaded when it is called: the small ones need little of the rest. */
const commands: Record<string, Command> = {
  start: {
    options: { port: text, config: text, "ollama-base-url": text, "ollama-api-key": text, json: flag },
    positionals: 0,
    run: async (context, values) => (await import("./start.ts")).runStart(context, values),
  },
  pair: {
    options: { origin: text, native: text, models: text, "expires-days": text },
    positionals: 0,
    run: async (context, values) => (await import("./pair.ts")).runPair(context, values),
  },
  grants: {
    options: { json: flag },
    positionals: 0,
    run: async (context, values) => (await import("./grants.ts")).runGrants(context, values),
  },
  revoke: {
    options: { all: flag },
    positionals: 1,
    run: async (...call) => (await import("./grants.ts")).runRevoke(...call),
  },
  status: {
    options: { json: flag },
    positionals: 0,
    run: async (context, values) => (await import("./status.ts")).runStatus(context, values),
  },
  doctor: {
    options: { json: flag },
    positionals: 0,
    run: async (context, values) => (await import("./doctor.ts")).runDoctor(context, values),
  },
};

/** Runs one command line and gives its exit code. */
export async function runCommand(args: readonly string[], environment: Environment): Promise<number> {
  const context: CommandContext = {
    environment,
    home: homeAt(environment.MODELFAUCET_BRIDGE_HOME || join(homedir(), ".modelfaucet")),
    version: packageFacts.version,
    print: (line) => void process.stdout.write(`${line}\n`),
    complain: (line) => void process.stderr.write(`${line}\n`),
  };
  const [name = "", ...rest] = args;
  if (args.includes("--help") || args.includes("-h") || name === "help") {
    context.print(help);
    return exitFine;
  }
  if (name === "--version") {
    context.print(context.version);
    return exitFine;
  }
  try {
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (command === undefined)
      throw new UsageError(name === "" ? "name a command" : `there is no command ${name}`);
    const { values, positionals } = parsed(command, rest);
    return await command.run(context, values, positionals);
  } catch (error) {
    if (error instanceof UsageError) {
      context.complain(`modelfaucet-bridge: ${error.message}\n\n${help}`);
      return exitUsage;
    }
    const lines =
      error instanceof ConfigurationError
        ? error.lines
        : [error instanceof Error ? error.message : String(error)];
    for (const line of lines) context.complain(line);
    return exitFailed;
  }
}

function parsed(
  command: Command,
  args: readonly string[],
): { values: Values; positionals: readonly string[] } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: command.options,
      allowPositionals: command.positionals > 0,
      strict: true,
    });
    if (positionals.length > command.positionals) throw new UsageError("too many arguments");
    return { values: values as Values, positionals };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(error instanceof Error ? error.message.split("\n")[0]! : String(error));
  }
}
