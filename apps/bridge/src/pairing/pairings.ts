import { BridgeError } from "../errors.ts";
import { sharedFile } from "../home/shared-file.ts";
import { hashSecret, uuidV7 } from "../ids.ts";
import { isObject, parseJson } from "../json.ts";
import { newCode, plainCode } from "./code.ts";

/** One attempt to pair an origin. The code stands here only while it waits, because a command has to show it. */
export type Pairing = {
  id: string;
  origin: string;
  /** What the page says of itself: a claim. */
  app_name: string | null;
  public_app_id: string | null;
  /** A request of the page, or a code in advance by the user. */
  by: "page" | "user";
  code: string | null;
  code_hash: string;
  models: string[];
  expire_after_days: number;
  created_at: string;
  expires_at: string;
  attempts_left: number;
  state: "waiting" | "used" | "void";
};

export type PairingStore = {
  waiting(): Pairing[];
  /** A page asks; the pairing that the same page had waiting is replaced. */
  start(
    origin: string,
    claim: { appName: string | null; publicAppId: string | null },
    expireAfterDays: number,
  ): Pairing;
  /** The user asks, in advance. */
  prepare(origin: string, terms: { models: string[]; expireAfterDays: number }): Pairing;
  /**
   * Spends a code.
   * @throws BridgeError invalid_pairing_code with the reason and the attempts that are left
   */
  complete(origin: string, code: string, pairingId: string | null): Pairing;
};

type PairingFile = { version: 1; pairings: Pairing[] };

const lifeMs = 300_000;
/** How long an ended one is remembered, so that a late code is told `expired` or `used`. */
const rememberedMs = 900_000;
const waitingMax = 8;
const endedMax = 32;
const attemptsMax = 5;

export function openPairings(path: string, now: () => number = Date.now): PairingStore {
  const file = sharedFile<PairingFile>(path, parsePairings);
  const isWaiting = (pairing: Pairing): boolean =>
    pairing.state === "waiting" && now() < Date.parse(pairing.expires_at);

  const add = (
    fresh: Omit<
      Pairing,
      "id" | "code" | "code_hash" | "created_at" | "expires_at" | "attempts_left" | "state"
    >,
  ): Pairing => {
    const code = newCode();
    const pairing: Pairing = {
      ...fresh,
      id: `pair_${uuidV7(now())}`,
      code,
      code_hash: hashSecret(plainCode(code)),
      created_at: new Date(now()).toISOString(),
      expires_at: new Date(now() + lifeMs).toISOString(),
      attempts_left: attemptsMax,
      state: "waiting",
    };
    return file.change(({ pairings }) => {
      // What the user prepared for this very origin is what its page asks for: the code on the screen stays good.
      const prepared = pairings.find(
        (old) => isWaiting(old) && old.by === "user" && old.origin === fresh.origin,
      );
      if (prepared !== undefined && fresh.by === "page") return { content: null, result: prepared };
      const others = pairings.map((old) =>
        isWaiting(old) && old.origin === fresh.origin ? ended(old, "void") : old,
      );
      return {
        content: { version: 1, pairings: trimmed([...others, pairing], isWaiting, now()) },
        result: pairing,
      };
    });
  };

  return {
    waiting: () => file.read().pairings.filter(isWaiting),
    start: (origin, claim, expireAfterDays) =>
      add({
        origin,
        app_name: claim.appName,
        public_app_id: claim.publicAppId,
        by: "page",
        models: ["*"],
        expire_after_days: expireAfterDays,
      }),
    prepare: (origin, { models, expireAfterDays }) =>
      add({
        origin,
        app_name: null,
        public_app_id: null,
        by: "user",
        models,
        expire_after_days: expireAfterDays,
      }),
    complete(origin, code, pairingId) {
      const outcome = file.change(({ pairings }) => {
        const own = pairings.filter((pairing) => pairing.origin === origin);
        const meant =
          pairingId === null
            ? (own.find(isWaiting) ?? own.at(-1))
            : own.find((pairing) => pairing.id === pairingId);
        const { pairing, refusal } = judge(meant, code, isWaiting);
        const content =
          pairing === null ? null : { version: 1 as const, pairings: replaced(pairings, pairing) };
        return { content, result: { pairing, refusal } };
      });
      if (outcome.refusal !== null) throw refused(outcome.refusal);
      return outcome.pairing!;
    },
  };
}

type Refusal = { reason: "wrong" | "expired" | "used"; attemptsLeft: number };

/** The decision alone: what becomes of the pairing, and what the page is told. */
function judge(
  meant: Pairing | undefined,
  code: string,
  isWaiting: (pairing: Pairing) => boolean,
): { pairing: Pairing | null; refusal: Refusal | null } {
  if (meant === undefined || meant.state === "void")
    return { pairing: null, refusal: { reason: "wrong", attemptsLeft: 0 } };
  if (meant.state === "used") return { pairing: null, refusal: { reason: "used", attemptsLeft: 0 } };
  if (!isWaiting(meant)) return { pairing: null, refusal: { reason: "expired", attemptsLeft: 0 } };
  // Hashes are compared: how long a comparison takes tells nothing of the code.
  if (hashSecret(plainCode(code)) === meant.code_hash)
    return { pairing: ended(meant, "used"), refusal: null };
  const attemptsLeft = meant.attempts_left - 1;
  const pairing = attemptsLeft === 0 ? ended(meant, "void") : { ...meant, attempts_left: attemptsLeft };
  return { pairing, refusal: { reason: "wrong", attemptsLeft } };
}

function refused({ reason, attemptsLeft }: Refusal): BridgeError {
  const sentences = {
    wrong: "This code is wrong; compare it with the one that the bridge shows for this page's address.",
    expired: "This code has expired; start pairing again.",
    used: "This code has been used; start pairing again.",
  };
  return new BridgeError("invalid_pairing_code", sentences[reason], {
    param: "code",
    details: { reason, attempts_left: attemptsLeft },
  });
}

function ended(pairing: Pairing, state: "used" | "void"): Pairing {
  return { ...pairing, state, code: null, attempts_left: state === "void" ? 0 : pairing.attempts_left };
}

function replaced(pairings: readonly Pairing[], changed: Pairing): Pairing[] {
  return pairings.map((pairing) => (pairing.id === changed.id ? changed : pairing));
}

/** Of too many that wait the oldest goes, a page's before the user's own. */
function trimmed(
  pairings: readonly Pairing[],
  isWaiting: (pairing: Pairing) => boolean,
  nowMs: number,
): Pairing[] {
  const waiting = pairings.filter(isWaiting);
  while (waiting.length > waitingMax) {
    const oldestOfPages = waiting.findIndex(({ by }) => by === "page");
    waiting.splice(oldestOfPages < 0 || oldestOfPages === waiting.length - 1 ? 0 : oldestOfPages, 1);
  }
  const gone = pairings
    .filter((pairing) => !isWaiting(pairing) && nowMs - Date.parse(pairing.created_at) < rememberedMs)
    .map((pairing) => ({ ...pairing, code: null }));
  return [...gone.slice(-endedMax), ...waiting];
}

function parsePairings(text: string | null): PairingFile {
  const content = text === null ? null : parseJson(text);
  if (!isObject(content) || content.version !== 1 || !Array.isArray(content.pairings))
    return { version: 1, pairings: [] };
  return content as unknown as PairingFile;
}
