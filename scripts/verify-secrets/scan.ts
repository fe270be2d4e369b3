import { basename } from "node:path";
import { secretFinder } from "@modelfaucet/browser-build/secret-finder.ts";
import { isPlaceholder } from "@modelfaucet/server/config/placeholders.ts";
import { isSecretName, issuerPrefix, secretShapes, secretsOf } from "@modelfaucet/server/config/secrets.ts";
import { isWellFormedToken, type TokenPrefix } from "@modelfaucet/server/lib/ids.ts";
import type { ScannedFile } from "./files.ts";

export type Finding = {
  readonly file: string;
  readonly line: number;
  /** What it is; never any part of it. */
  readonly kind: string;
};

/** Made of values that belong to nobody: the cases of the environment contract. By path, never by pattern. */
const exempt: ReadonlySet<string> = new Set(["tests/acceptance/env-cases.json"]);

/** Versions of files that git remembers with a key in them that was made up for a test. */
const exemptVersions: ReadonlySet<string> = new Set([
  "apps/server/src/commands/doctor/doctor.int.test.ts@4cd5e563b66d",
  "apps/platform/src/settings.test.ts@e3eb5b18ebab",
  "tests/conformance/litellm.test.ts@072e8c6e73ed",
]);

/** A judge of files that knows the secrets of this environment. */
export function createScanner(env: Record<string, string | undefined>): (file: ScannedFile) => Finding[] {
  const findValues = secretFinder(secretsOf(env));
  return ({ path, name, text }) => {
    if (exempt.has(path) || exemptVersions.has(name)) return [];
    const hits = [
      ...findValues(text).map((hit) => ({ offset: hit.offset, kind: `value of ${hit.name}` })),
      ...(isBinary(text) ? [] : [...shapesIn(text), ...passwordsIn(text), ...envLinesIn(path, text)]),
    ];
    return hits
      .sort((a, b) => a.offset - b.offset)
      .map(({ offset, kind }) => ({ file: name, line: lineAt(text, offset), kind }));
  };
}

type Hit = { offset: number; kind: string };

function shapesIn(text: string): Hit[] {
  return secretShapes.flatMap(({ kind, form }) =>
    [...text.matchAll(form)]
      .filter(([match]) => isLikely(match))
      .map(({ index }) => ({ offset: index, kind })),
  );
}

/** A token of ours proves itself by its checksum; anything else must at least look drawn. */
function isLikely(match: string): boolean {
  const prefix = /^mf_[a-z]+_/.exec(match)?.[0];
  if (prefix !== undefined) return isWellFormedToken(match, prefix as TokenPrefix);
  if (match.startsWith("-----")) return true;
  // What people type into tests has a row of the alphabet in it, or no digit at all.
  const body = match.replace(issuerPrefix, "");
  return !isPlaceholder(match) && new Set(body).size >= 8 && /\d/.test(body) && !hasCount(body);
}

/** Seven characters in the order of the alphabet. */
function hasCount(text: string): boolean {
  let run = 1;
  for (let at = 1; at < text.length && run < 7; at++) {
    run = text.charCodeAt(at) === text.charCodeAt(at - 1) + 1 ? run + 1 : 1;
  }
  return run >= 7;
}

const passwordUrl = /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"'`<>]*:([^\s:/@"'`<>${}]{12,})@[^\s@]/g;

function passwordsIn(text: string): Hit[] {
  return [...text.matchAll(passwordUrl)]
    .map((match) => ({ index: match.index, password: decodedOrAsIs(match[1] ?? "") }))
    .filter(({ password }) => password.length >= 12 && isLikely(password))
    .map(({ index }) => ({ offset: index, kind: "password in an address" }));
}

/** In env files every secret that has a value, whatever it looks like. */
function envLinesIn(path: string, text: string): Hit[] {
  if (!/^\.env(\..+)?$|\.env$/.test(basename(path))) return [];
  return [...text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)$/gm)]
    .filter(([, name = "", value = ""]) => isSecretName(name) && isGiven(value))
    .map(({ index, 1: name = "" }) => ({ offset: index, kind: `env file that holds a value of ${name}` }));
}

function isGiven(value: string): boolean {
  const plain = value
    .replace(/\s+#.*$/, "")
    .trim()
    .replace(/^["'](.*)["']$/, "$1");
  return plain !== "" && !/^\$\{?[A-Za-z_]/.test(plain);
}

function decodedOrAsIs(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isBinary(text: string): boolean {
  return text.slice(0, 8_000).includes("\0");
}

function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) line++;
  return line;
}
