import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { renderAlertReference } from "./generate/alert-reference.ts";
import { alertsPath, renderAlerts } from "./generate/alerts.ts";
import { renderCli } from "./generate/cli.ts";
import { renderConfiguration, renderEnvExample } from "./generate/configuration.ts";
import { renderEnvHostedExample } from "./generate/env-hosted.ts";
import { renderErrors } from "./generate/errors.ts";
import { renderMetrics } from "./generate/metrics.ts";
import { renderOpenapi } from "./generate/openapi.ts";
import { renderRoutes } from "./generate/routes.ts";
import { renderSchemaSnapshot, snapshotPath } from "./generate/schema-snapshot.ts";

/** Everything that is written from another text: the file, and what it should hold. */
const generated: readonly { path: string; render(): Promise<string> | string }[] = [
  { path: ".env.example", render: renderEnvExample },
  { path: ".env.hosted.example", render: renderEnvHostedExample },
  { path: "docs/reference/alerts.md", render: renderAlertReference },
  { path: "docs/reference/cli.md", render: renderCli },
  { path: "docs/reference/configuration.md", render: renderConfiguration },
  { path: "docs/reference/errors.md", render: renderErrors },
  { path: "docs/reference/metrics.md", render: renderMetrics },
  { path: "docs/reference/openapi.json", render: renderOpenapi },
  { path: "docs/reference/routes.md", render: renderRoutes },
  { path: alertsPath, render: renderAlerts },
  { path: snapshotPath, render: renderSchemaSnapshot },
];

const usage = `usage: pnpm generate [--check]

Writes the reference tables and the templates of the environment from the contract, the configuration and the metrics.
--check writes nothing and exits 1 when a file is stale.`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { check: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const root = new URL("../", import.meta.url);
  let stale = 0;
  for (const file of generated) {
    const wanted = await file.render();
    const found = await readFile(new URL(file.path, root), "utf8").catch(() => "");
    if (found === wanted) continue;
    stale++;
    if (values.check) console.error(`${file.path}:1 is stale; run \`pnpm generate\``);
    else {
      await writeFile(new URL(file.path, root), wanted);
      console.log(`wrote ${file.path}`);
    }
  }
  return values.check && stale > 0 ? 1 : 0;
}
