// What the images must be, by reading their Dockerfiles and the configuration that goes into them.
import { parse } from "yaml";
import type { Finding } from "./compose-verify-rules.ts";
import {
  environmentPairs,
  execForm,
  lastOf,
  parseDockerfile,
  type Stage,
  splitFlags,
} from "./image-rehearsal-dockerfile.ts";

/** Every breach in one Dockerfile. One that cannot be read is one finding. */
export function dockerfileFindings(file: string, text: string): Finding[] {
  let stages: Stage[];
  try {
    stages = parseDockerfile(text);
  } catch (error) {
    return [{ file, line: 1, message: (error as Error).message }];
  }
  const earlier = new Set<string>();
  const found: Finding[] = [];
  const tell = (line: number, message: string): void => {
    found.push({ file, line, message });
  };
  for (const stage of stages) {
    const line = stage.instructions[0]?.line ?? 1;
    if (
      !earlier.has(stage.from) &&
      !/:\d+\.\d+(\.\d+)?(-[a-z0-9.]+)*(@sha256:[0-9a-f]{64})?$/.test(stage.from)
    )
      tell(line, `${stage.name} begins with ${stage.from}; its tag must be one exact version`);
    for (const instruction of stage.instructions) {
      if (["CMD", "ENTRYPOINT"].includes(instruction.name) && execForm(instruction.rest) === null)
        tell(instruction.line, `${instruction.name} is for a shell`);
      if (instruction.name === "HEALTHCHECK" && !/CMD\s+\[/.test(instruction.rest))
        tell(instruction.line, "HEALTHCHECK is for a shell");
      if (instruction.name === "ENV") {
        const secret = Object.keys(environmentPairs(instruction.rest)).find((name) =>
          /TOKEN|SECRET|PASSWORD|_KEY$/.test(name),
        );
        if (secret) tell(instruction.line, `bakes ${secret} into the image`);
      }
      if (instruction.name === "COPY" && /(^|\s)\.\s/.test(splitFlags(instruction.rest).words))
        tell(instruction.line, "copies the whole context");
    }
    // What others copy from is never started.
    if (isCopiedFrom(stages, stage)) {
      earlier.add(stage.name);
      continue;
    }
    earlier.add(stage.name);
    const user = lastOf(stages, stage, "USER")?.rest;
    if (user !== "10001:10001") tell(line, `${stage.name} runs as ${user ?? "root"}, not as 10001:10001`);
    if (!lastOf(stages, stage, "HEALTHCHECK")) tell(line, `${stage.name} has no health check`);
    if (!lastOf(stages, stage, "ENTRYPOINT")) tell(line, `${stage.name} has no entry point`);
  }
  return found;
}

/** Breaches in a configuration of LiteLLM: names of models, nothing logged, no paid health check. */
export function litellmFindings(file: string, text: string): Finding[] {
  const config = parse(text) as {
    model_list?: { model_name: string; litellm_params?: Record<string, unknown> }[];
    litellm_settings?: Record<string, unknown>;
    general_settings?: Record<string, unknown>;
  };
  const found: string[] = [];
  const names = (config.model_list ?? []).map(({ model_name }) => model_name).sort();
  if (String(names) !== "auto-text,openrouter-auto") found.push("must offer auto-text and openrouter-auto");
  if (config.litellm_settings?.turn_off_message_logging !== true) found.push("logs content");
  for (const name of ["callbacks", "success_callback", "failure_callback"])
    if (config.litellm_settings?.[name] !== undefined) found.push(`hands answers to a ${name}`);
  if (config.general_settings?.background_health_checks !== false)
    found.push("may call models to see whether they live");
  if (config.general_settings?.master_key !== "os.environ/LITELLM_MASTER_KEY")
    found.push("writes its key down");
  if (config.general_settings?.database_url !== undefined) found.push("has a database");
  return found.map((message) => ({ file, line: 1, message }));
}

function isCopiedFrom(stages: readonly Stage[], stage: Stage): boolean {
  return stages.some(({ instructions }) =>
    instructions.some(({ name, rest }) => name === "COPY" && splitFlags(rest).flags.from === stage.name),
  );
}
