// What an operator does to a deployment that runs, and how it ends.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { lastLineOf } from "./deploy-steps.ts";
import type { Rehearsal } from "./rehearsal.ts";
import { rotateKey } from "./rotation-step.ts";
import { promise, type Step, until } from "./steps.ts";
import { closedOnce, stream } from "./traffic.ts";

export function upkeepSteps(rehearsal: Rehearsal): Step[] {
  const command = (args: readonly string[]) => rehearsal.operator.command(args, rehearsal.environment);
  const backups = join(rehearsal.folder, "backups");
  return [
    {
      name: "books",
      needs: ["servers"],
      run: async () => {
        await command(["books"]);
        return "every check holds";
      },
    },
    { name: "key rotation", needs: ["paid streams"], run: () => rotateKey(rehearsal) },
    {
      name: "backup",
      needs: ["migrate"],
      run: async () => {
        const output = await command(["backup", "--to", join(backups, "first"), "--json"]);
        const { rows, bytes } = JSON.parse(lastLineOf(output));
        promise(readdirSync(backups).includes("first"), "the backup is not in its folder");
        return `${rows} rows, ${bytes} bytes`;
      },
    },
    {
      name: "restore drill",
      needs: ["backup"],
      run: async () => {
        const output = await command(["restore", "--from", join(backups, "first"), "--drill", "--json"]);
        const { steps, tested_at } = JSON.parse(lastLineOf(output));
        promise(typeof tested_at === "string", "the backup is not marked as tested");
        return `${steps.length} steps passed, the backup is marked as tested`;
      },
    },
    { name: "doctor, afterwards", needs: ["restore drill"], run: () => consultAgain(rehearsal) },
    { name: "drain", needs: ["servers"], run: () => drain(rehearsal) },
  ];
}

type Finding = { check: string; level: string; says: string };

/** It names what was lost, as alerts that are still open, and the backup that would bring it back; nothing else fails. */
async function consultAgain({ operator, environment }: Rehearsal): Promise<string> {
  const { output } = await operator.run(["doctor", "--json"], environment);
  const { findings } = JSON.parse(lastLineOf(output)) as { findings: Finding[] };
  const failed = findings.filter(({ level }) => level === "fail");
  const others = failed.filter(({ check }) => check !== "alerts");
  promise(others.length === 0, others.map(({ check, says }) => `${check}: ${says}`).join("\n"));
  const backup = findings.find(({ check }) => check === "backup");
  promise(backup?.level === "ok", `the backup that passed its drill: ${backup?.says ?? "not looked at"}`);
  return `${findings.length} looked at, ${failed.length} alerts of what was lost, and ${backup!.says}`;
}

/** Streams are running when the signal comes: they finish, and nothing stays open. */
async function drain(rehearsal: Rehearsal): Promise<string> {
  const { vendor } = rehearsal.stage;
  const count = 4;
  const before = vendor.stats.open;
  const running = Array.from({ length: count }, (_, client) =>
    stream(rehearsal.clients, `drain.${client}`, client),
  );
  await until("the streams run", () => vendor.stats.open >= before + count, 15_000);
  await rehearsal.drain();
  const sent = await Promise.all(running);
  rehearsal.sent.push(...sent);
  for (const { id, isWhole, status } of sent) promise(isWhole, `${id} was not finished (${status})`);
  await rehearsal.untilNothingIsOpen(1_000);
  await closedOnce(rehearsal.sql, sent);
  return `${count} running streams finished and settled, four processes ended with 0`;
}
