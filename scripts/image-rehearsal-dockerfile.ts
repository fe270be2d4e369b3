// Reads a Dockerfile: what builds and starts an image, as data. Only the forms that ours use are understood; another one
// is refused rather than passed over, so that a rehearsal never leaves a step out.

export type Instruction = { readonly line: number; readonly name: string; readonly rest: string };

export type Stage = {
  readonly name: string;
  /** An image with its tag, or the name of an earlier stage. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
};

const known = new Set([
  ...["ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "RUN", "STOPSIGNAL"],
  ...["USER", "WORKDIR"],
]);

/** The stages of a Dockerfile, in order. @throws Error naming the line of what it does not understand */
export function parseDockerfile(text: string): Stage[] {
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const { line, name, rest } of instructionsOf(text)) {
    if (name === "FROM") {
      const [from, as, stage] = rest.split(/\s+/);
      if (!from || as?.toUpperCase() !== "AS" || !stage)
        throw new Error(`line ${line}: a stage without a name`);
      stages.push({ name: stage, from, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (!stage) throw new Error(`line ${line}: ${name} before the first FROM`);
    if (!known.has(name)) throw new Error(`line ${line}: ${name} is not understood`);
    stage.instructions.push({ line, name, rest });
  }
  return stages;
}

/** The words of an exec form; `null` for what a shell would read. */
export function execForm(rest: string): string[] | null {
  const text = rest.trim();
  if (!text.startsWith("[")) return null;
  return JSON.parse(text) as string[];
}

/** `--name=value` in front of an instruction, and what follows. */
export function splitFlags(rest: string): { flags: Record<string, string>; words: string } {
  const flags: Record<string, string> = {};
  let words = rest.trim();
  for (let match = /^--([a-z-]+)=(\S+)\s+/.exec(words); match; match = /^--([a-z-]+)=(\S+)\s+/.exec(words)) {
    flags[match[1]!] = match[2]!;
    words = words.slice(match[0].length);
  }
  return { flags, words };
}

/** `A=1 B=2` as pairs. */
export function environmentPairs(rest: string): Record<string, string> {
  return Object.fromEntries(
    rest.split(/\s+/).map((pair) => {
      const [name, ...value] = pair.split("=");
      return [name!, value.join("=")];
    }),
  );
}

/** The last instruction of that name, of this stage or of those that it is built upon. */
export function lastOf(stages: readonly Stage[], stage: Stage, name: string): Instruction | undefined {
  const own = stage.instructions.findLast((instruction) => instruction.name === name);
  const base = stages.find((candidate) => candidate.name === stage.from);
  return own ?? (base ? lastOf(stages, base, name) : undefined);
}

function instructionsOf(text: string): Instruction[] {
  const found: Instruction[] = [];
  let open: { line: number; text: string } | null = null as { line: number; text: string } | null;
  for (const [index, raw] of text.split("\n").entries()) {
    if (open === null && /^\s*(#|$)/.test(raw)) continue;
    if (/^\s*#/.test(raw)) continue;
    const continues = raw.endsWith("\\");
    const piece = (continues ? raw.slice(0, -1) : raw).trim();
    open = { line: open?.line ?? index + 1, text: open ? `${open.text} ${piece}` : piece };
    if (continues) continue;
    const [name, ...rest] = open.text.split(" ");
    found.push({ line: open.line, name: name!.toUpperCase(), rest: rest.join(" ").trim() });
    open = null;
  }
  return found;
}
