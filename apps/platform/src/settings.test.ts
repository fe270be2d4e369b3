import { expect, test } from "vitest";
import { portWishes, readSettings, urlsOf } from "./settings.ts";

const flags = { ui: true, freePorts: false };

test("without any variable: usual ports, simulated provider, embedded database", async () => {
  const settings = await readSettings(flags, {});
  expect(settings).toMatchObject({ production: false, databaseUrl: null, providers: [] });
  expect(portWishes(settings.ports).map(({ variable, port }) => `${variable}=${port}`)).toEqual([
    "PORT_API=3001",
    "PORT_GATEWAY=3002",
    "PORT_WORKER=3003",
    "PORT_DASHBOARD=5173",
    "PORT_CRM_DEMO=5174",
    "PORT_SIMULATED_PROVIDER=4010",
  ]);
  expect(urlsOf(settings.ports)).toMatchObject({
    gateway: "http://127.0.0.1:3002/v1",
    simulatedProvider: "http://127.0.0.1:4010/v1",
  });
});

test("`--no-ui` needs no port for a page, a real provider none for the simulated one", async () => {
  const env = { OPENAI_API_KEY: "h7Qz2LkV9xTn4RbW8yGc3MdF6sJp1EaU" };
  const { ports, providers } = await readSettings({ ...flags, ui: false }, env);
  expect(ports).toMatchObject({ dashboard: null, crmDemo: null, simulatedProvider: null });
  expect(providers).toEqual(["OpenAI"]);
});

test("`--ports free` gives every part a port of its own", async () => {
  const { ports } = await readSettings({ ...flags, freePorts: true }, {});
  expect(new Set(Object.values(ports)).size).toBe(6);
  expect(Object.values(ports)).not.toContain(3001);
});

test.each([
  "postgres://mf:secret@127.0.0.1:5432/mf",
  "postgres://mf:secret@[::1]/mf",
  "postgres://mf:secret@localhost/mf",
])("takes the database on this machine %s", async (url) => {
  expect((await readSettings(flags, { DATABASE_URL: url })).databaseUrl).toBe(url);
});

test.each(["DATABASE_URL", "DATABASE_MIGRATION_URL"])(
  "refuses a remote %s without telling its password",
  async (name) => {
    const local = "postgres://mf:secret@127.0.0.1/mf";
    const env = { DATABASE_URL: local, [name]: "postgres://mf:secret@db.example.com/mf" };
    const refusal = readSettings(flags, env);
    await expect(refusal).rejects.toThrow(new RegExp(`^${name} is not on this machine`));
    await expect(refusal).rejects.not.toThrow(/secret/);
  },
);

test("tells every fault of the environment at once", async () => {
  await expect(readSettings(flags, { PORT_API: "door", LOG_LEVEL: "loud" })).rejects.toThrow(
    /PORT_API.*\n.*LOG_LEVEL/,
  );
});
