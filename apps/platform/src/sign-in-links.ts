// One-time links to the console for who has just started the platform: as the demo developer, and as its operator.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cloneRoot } from "./data-folder.ts";

export type SignInLinks = { readonly developer: string; readonly operator: string };

const people = { developer: "dev@example.com", operator: "operator@example.com" } as const;
const withinMs = 30_000;

/** Makes both links. `null` where the database has no demo tenant: then the console is entered by a token. */
export async function makeSignInLinks(env: NodeJS.ProcessEnv): Promise<SignInLinks | null> {
  try {
    const [developer, operator] = await Promise.all([linkFor("developer", env), linkFor("operator", env)]);
    return { developer, operator };
  } catch {
    return null;
  }
}

async function linkFor(kind: keyof typeof people, env: NodeJS.ProcessEnv): Promise<string> {
  const args = ["apps/server/src/main.ts", "sign-in-link", `--${kind}`, people[kind]];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: cloneRoot,
    env,
    timeout: withinMs,
  });
  return stdout.trim();
}
