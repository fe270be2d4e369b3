import { openGrants } from "../grants/grants.ts";
import { originOfUrl } from "../grants/origin.ts";
import { createHome } from "../home/home.ts";
import { runningBridge } from "../home/lock.ts";
import { openPairings } from "../pairing/pairings.ts";
import { type CommandContext, exitFine, numberFlag, textFlag, UsageError, type Values } from "./command.ts";
import { configPathOf } from "./config-path.ts";

/** Lists waiting requests, or makes a code or a token in advance. */
export async function runPair(context: CommandContext, values: Values): Promise<number> {
  const origin = textFlag(values, "origin");
  const native = textFlag(values, "native");
  const models = modelGlobs(values);
  const days = numberFlag(values, "expires-days", { min: 1, max: 3650 });
  if (origin !== undefined && native !== undefined)
    throw new UsageError("--origin and --native exclude each other");
  if (origin === undefined && native === undefined) {
    if (models !== undefined || days !== undefined)
      throw new UsageError("--models and --expires-days need --origin or --native");
    return listWaiting(context);
  }
  createHome(context.home);
  const terms = { models: models ?? ["*"], expireAfterDays: days ?? (await defaultDays(context)) };
  return origin !== undefined
    ? prepare(context, origin, terms)
    : native !== undefined
      ? grantNative(context, native, terms)
      : exitFine;
}

type Terms = { models: string[]; expireAfterDays: number };

function listWaiting({ home, print, complain }: CommandContext): number {
  if (runningBridge(home.lock) === null)
    complain("No bridge is running; start it with modelfaucet-bridge start.");
  const waiting = openPairings(home.pairings).waiting();
  if (waiting.length === 0) print("No page waits to be paired.");
  for (const { origin, code, app_name, by, expires_at } of waiting) {
    print(`${origin}  ${code}  until ${expires_at}${by === "user" ? "  (made by you)" : ""}`);
    if (app_name !== null) print(`  says that it is “${app_name}”; nobody has checked that`);
  }
  return exitFine;
}

function prepare({ home, print }: CommandContext, url: string, terms: Terms): number {
  const origin = originOfUrl(url);
  if (origin === null)
    throw new UsageError(
      "--origin must be https://host[:port], http:// of this computer, or an extension's origin",
    );
  const { code, expires_at } = openPairings(home.pairings).prepare(origin, terms);
  print(`${origin}  ${code}  until ${expires_at}`);
  print("Type this code into the page at exactly this address.");
  return exitFine;
}

/** The token alone goes to standard output, so that a script can take it. */
function grantNative({ home, print, complain }: CommandContext, name: string, terms: Terms): number {
  if (!/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$/.test(name))
    throw new UsageError("--native must be a name of letters, digits, spaces, `.`, `_` or `-`");
  const { grant, token } = openGrants(home.grants).add({ native: name }, terms);
  complain(`A token for ${name} (${grant.id}), shown this once:`);
  print(token);
  return exitFine;
}

function modelGlobs(values: Values): string[] | undefined {
  const globs = textFlag(values, "models")
    ?.split(",")
    .map((glob) => glob.trim())
    .filter((glob) => glob !== "");
  if (globs?.length === 0) throw new UsageError("--models names no pattern");
  return globs;
}

/** The file's own, where it can be read. */
async function defaultDays({ home, environment }: CommandContext): Promise<number> {
  const { loadSettings } = await import("../config/load.ts");
  return loadSettings(configPathOf(home, environment), {}, environment).expireAfterDays;
}
