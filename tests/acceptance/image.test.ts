import { randomBytes } from "node:crypto";
import { withDatabase } from "@modelfaucet/testkit/database.ts";
import postgres from "postgres";
import { expect, inject, it } from "vitest";
import { type RehearsalStep, rehearseImage } from "../../scripts/image-rehearsal.ts";

it("the server image's own steps, carried out here, serve a settled request from read-only files", async () => {
  const server = inject("postgres");
  const name = `mf_image_${randomBytes(4).toString("hex")}`;
  const superuser = postgres(server.superuserUrl, { max: 1, onnotice: () => {} });
  await superuser.unsafe(`create database ${name} owner mf_owner`);
  const steps: RehearsalStep[] = [];
  try {
    await rehearseImage(
      {
        runtime: withDatabase(server.runtimeUrl, name),
        owner: withDatabase(server.ownerUrl, name),
        reader: withDatabase(server.readUrl, name),
      },
      (step) => steps.push(step),
    );
    const [settled] = await postgresRows(withDatabase(server.superuserUrl, name));
    expect(settled).toMatchObject({ outcome: "succeeded", provider: "litellm", model: "auto-text" });
  } finally {
    await superuser.unsafe(`drop database ${name} with (force)`);
    await superuser.end();
  }
  expect(steps.map(({ step }) => step).join("\n")).toMatch(
    /image built .*\n.*written\nmigrate\nseed\nready as user 10001:10001.*\nreq_.* settled .*\nbooks agree\nSIGTERM: exit 0/,
  );
}, 120_000);

async function postgresRows(url: string): Promise<postgres.RowList<postgres.Row[]>> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql`select outcome, provider, model from usage_events where provider = 'litellm'`;
  } finally {
    await sql.end();
  }
}
