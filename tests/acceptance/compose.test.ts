import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const withoutGo = { PATH: dirname(process.execPath) };

function verify(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; out: string; said: string }> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", "scripts/compose-verify.ts", ...args],
      { cwd: root, env, timeout: 240_000 },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, out: stdout, said: stderr }),
    );
  });
}

it("A181: rendered with every name it is valid, and each missing or blank name stops it, named", async () => {
  const { code, out, said } = await verify(["--json"], process.env);
  expect({ code, said }).toMatchObject({ code: 0 });
  const result = JSON.parse(out);
  expect(result).toMatchObject({ ok: true, findings: [] });
  // Without Go the static rules have decided, and the command has said so.
  expect(result.rendered || /were not rendered: /.test(said)).toBe(true);
}, 250_000);

it("A181: without Go the static result decides, unless it may not", async () => {
  const allowed = await verify(["--json"], withoutGo);
  expect({ ...allowed, out: JSON.parse(allowed.out) }).toMatchObject({
    code: 0,
    out: { ok: true, rendered: false, findings: [] },
    said: expect.stringContaining("The files were not rendered: there is no Go here."),
  });
  const refused = await verify(["--json"], { ...withoutGo, COMPOSE_VERIFY_ALLOW_MISSING_DOCKER: "0" });
  expect(refused.code).toBe(1);
  expect((await verify(["--nonsense"], withoutGo)).code).toBe(2);
});
