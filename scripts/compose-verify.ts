// `pnpm compose:verify`: both compose files, the Dockerfiles and LiteLLM's configuration by static rules; where Go is
// found, the compose files also rendered, whole and with each required name missing.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { dockerfileFindings, litellmFindings } from "./compose-verify-images.ts";
import { buildRenderer, findGo, renderedFindings } from "./compose-verify-render.ts";
import { composeFindings, type Finding } from "./compose-verify-rules.ts";

const root = join(import.meta.dirname, "..");
const composeFiles = {
  "docker-compose.yml": "local",
  "infra/hosted/docker-compose.hosted.yml": "hosted",
} as const;

const usage = `usage: pnpm compose:verify [--static] [--json]
Checks docker-compose.yml, infra/hosted/docker-compose.hosted.yml, the Dockerfiles and LiteLLM's configuration. Where Go is
found, the compose files are rendered too, by the library of Docker Compose; without Go the static result decides, unless
COMPOSE_VERIFY_ALLOW_MISSING_DOCKER=0. --static never renders.`;

process.exitCode = await main(process.argv.slice(2).filter((arg) => arg !== "--"));

async function main(args: string[]): Promise<number> {
  let values: { static?: boolean; json?: boolean; help?: boolean };
  try {
    ({ values } = parseArgs({
      args,
      options: { static: { type: "boolean" }, json: { type: "boolean" }, help: { type: "boolean" } },
    }));
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`);
    return 2;
  }
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const say = values.json ? console.error : console.log;
  const findings = staticFindings();
  const rendering = values.static ? null : await rendered();
  findings.push(...(rendering?.findings ?? []));
  for (const { file, line, message } of findings) say(`${file}:${line} ${message}`);
  if (rendering?.missing) say(`The files were not rendered: ${rendering.missing}.`);
  const refusesMissing = process.env.COMPOSE_VERIFY_ALLOW_MISSING_DOCKER?.trim() === "0";
  const ok = findings.length === 0 && !(rendering?.missing && refusesMissing);
  const how = rendering === null || rendering.missing ? "static rules" : "static rules and rendered";
  say(ok ? `compose: all good (${how})` : `compose: ${findings.length} findings (${how})`);
  if (values.json)
    console.log(JSON.stringify({ ok, rendered: rendering !== null && !rendering.missing, findings }));
  return ok ? 0 : 1;
}

function staticFindings(): Finding[] {
  return [
    ...Object.entries(composeFiles).flatMap(([file, kind]) => composeFindings(file, read(file), kind)),
    ...filesIn("infra/docker", ".Dockerfile").flatMap((file) => dockerfileFindings(file, read(file))),
    ...filesIn("infra/litellm", ".yaml").flatMap((file) => litellmFindings(file, read(file))),
  ];
}

async function rendered(): Promise<{ findings: Finding[]; missing: string | null }> {
  const go = findGo();
  if (go === null) return { findings: [], missing: "there is no Go here" };
  try {
    const render = await buildRenderer(go);
    const findings = await Promise.all(
      Object.keys(composeFiles).map((file) => renderedFindings(file, read(file), render)),
    );
    return { findings: findings.flat(), missing: null };
  } catch (error) {
    return { findings: [], missing: (error as Error).message };
  }
}

function read(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
    .sort();
}
