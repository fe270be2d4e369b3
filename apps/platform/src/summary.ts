// What a newcomer sees when the platform is ready: where things are, and one line to copy.
import { Failure } from "./failure.ts";
import type { RunningPlatform } from "./platform.ts";
import type { Settings, Urls } from "./settings.ts";

/** The demo tenant that the seed makes. */
const demo = { publicAppId: "app_pub_demo", externalUserId: "crm-demo-user", model: "auto:customer_reply" };

export function summaryTable(running: RunningPlatform, settings: Settings, dataDir: string): string {
  const { urls, postgres } = running;
  const rows: [string, string | null][] = [
    ["Console", urls.dashboard],
    ["CRM demo page", urls.crmDemo],
    ["Control API", urls.api],
    ["Gateway", urls.gateway],
    ["Worker", urls.worker],
    [
      "Upstream",
      urls.simulatedProvider ? `simulated, ${urls.simulatedProvider}` : settings.providers.join(", "),
    ],
    ["PostgreSQL", postgres ? `embedded, 127.0.0.1:${postgres.port}, database modelfaucet` : "DATABASE_URL"],
    ["Data and logs", dataDir],
  ];
  const lines = rows.flatMap(([name, value]) => (value ? [`  ${name.padEnd(15)}${value}`] : []));
  return `\n${lines.join("\n")}`;
}

/** Two links that sign in to the console, each once and within ten minutes; empty without them. */
export function signInLines({ signInLinks: links }: RunningPlatform): string {
  if (!links) return "";
  return `\nSign in to the console, each link once and within 10 minutes (\`pnpm mf sign-in-link\` makes more):\n\n  as developer  ${links.developer}\n  as operator   ${links.operator}\n`;
}

/** A `curl` command that streams one completion, with a session of the demo user. @throws Failure without the demo app. */
export async function curlLine(urls: Urls): Promise<string> {
  const answer = await fetch(`${urls.api}/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ public_app_id: demo.publicAppId, external_user_id: demo.externalUserId }),
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await answer.json()) as { session_token?: string; error?: { message: string } };
  if (!answer.ok || !body.session_token) {
    throw new Failure(
      `The demo session could not be opened (${body.error?.message ?? `status ${answer.status}`}): run \`npx pnpm@12 db:seed\`, or begin anew with \`npm start -- --fresh\`.`,
    );
  }
  const request = {
    model: demo.model,
    stream: true,
    messages: [{ role: "user", content: "My order is three days late. What can you do?" }],
  };
  return [
    `curl -N ${urls.gateway}/chat/completions`,
    `-H 'authorization: Bearer ${body.session_token}'`,
    "-H 'content-type: application/json'",
    `-d '${JSON.stringify(request)}'`,
  ].join(" ");
}
