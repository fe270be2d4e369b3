import { globSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { browserPrefixes } from "@modelfaucet/server/config/reserved.ts";
import { browserNamesWithSecrets, secretsOf } from "@modelfaucet/server/config/secrets.ts";
import { loadEnv, type Plugin } from "vite";
import { type FoundSecret, secretFinder } from "./secret-finder.ts";

export type BrowserGuardOptions = {
  /** The whole list of `VITE_MODELFAUCET_` names that this page is built with. */
  readonly allow: readonly string[];
  /** The environment of the build. */
  readonly env: Environment;
};

type Environment = { readonly [name: string]: string | undefined };

/**
 * Keeps secrets out of pages. The build and the development server stop where a variable that bundlers copy into pages
 * holds one, by name or by value, or is one of ours that this page does not need; what a build has made is searched for
 * every secret of the environment, source maps and copied files too, and not left lying where one is found. Sentences
 * name variables and files, never a value.
 */
export function browserGuard(options: BrowserGuardOptions): Plugin {
  let outDir: string | null = null;
  let find: (text: string) => FoundSecret[] = () => [];
  // Fonts and images are most of a page, and no place for a text.
  const findInText = (text: string) => (text.slice(0, 8_000).includes("\0") ? [] : find(text));
  return {
    name: "modelfaucet:browser-guard",
    enforce: "post",
    config(config, { mode }) {
      const root = config.root ?? process.cwd();
      const fromFiles =
        config.envDir === false ? {} : loadEnv(mode, config.envDir ?? root, [...browserPrefixes]);
      refuseNames({ ...fromFiles, ...options.env }, options.allow);
    },
    configResolved(config) {
      const writes = config.command === "build" && config.build.write;
      outDir = writes ? resolve(config.root, config.build.outDir) : null;
      find = secretFinder(secretsOf(options.env));
    },
    generateBundle(_, bundle) {
      const hits = Object.values(bundle).flatMap((output) => {
        const texts =
          output.type === "chunk"
            ? [output.code, output.map ? JSON.stringify(output.map) : ""]
            : [textOf(output.source)];
        return texts.flatMap(findInText).map((hit) => `${output.fileName} (${hit.name})`);
      });
      if (hits.length > 0) throw new Error(leakSentence(hits));
    },
    closeBundle(error) {
      if (error || outDir === null) return;
      const folder = outDir;
      const hits = filesUnder(folder).flatMap((file) =>
        findInText(readFileSync(file, "latin1")).map((hit) => ({ file, name: hit.name })),
      );
      if (hits.length === 0) return;
      for (const { file } of hits) rmSync(file, { force: true });
      throw new Error(leakSentence(hits.map(({ file, name }) => `${relative(folder, file)} (${name})`)));
    },
  };
}

/** @throws with every refused name at once */
function refuseNames(env: Environment, allow: readonly string[]): void {
  const secret = new Set(browserNamesWithSecrets(env));
  const foreign = Object.keys(env).filter(
    (name) => name.startsWith("VITE_MODELFAUCET_") && env[name]?.trim() && !allow.includes(name),
  );
  const lines = [
    ...[...secret].map(
      (name) => `${name} would put a secret into a page that everybody can read: remove it.`,
    ),
    ...foreign
      .filter((name) => !secret.has(name))
      .map((name) => `${name} is not among the variables of this page: remove it.`),
  ];
  if (lines.length === 0) return;
  throw new Error(`${lines.join("\n")}\nThis page is built with ${allow.join(", ") || "no variable"} alone.`);
}

function leakSentence(hits: readonly string[]): string {
  return `The built page contains a secret of the environment and was not kept: ${[...new Set(hits)].join(", ")}.`;
}

function filesUnder(folder: string): string[] {
  return globSync("**", { cwd: folder })
    .map((path) => join(folder, path))
    .filter((path) => statSync(path).isFile());
}

function textOf(source: string | Uint8Array): string {
  return typeof source === "string" ? source : Buffer.from(source).toString("latin1");
}
