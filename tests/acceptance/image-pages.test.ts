import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { type BuiltImage, buildImage } from "../../scripts/image-rehearsal-build.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** The dashboard image by the steps of its Dockerfile, with these build arguments. */
function build(buildArgs: Record<string, string>): Promise<BuiltImage> {
  const folder = mkdtempSync("/var/tmp/modelfaucet-pages-");
  chmodSync(folder, 0o755);
  folders.push(folder);
  return buildImage({
    dockerfile: "infra/docker/dashboard.Dockerfile",
    target: "dashboard",
    folder,
    node: process.execPath,
    buildArgs,
  });
}

const apiBaseUrl = "https://api.faucet-rehearsal.example";

it("the dashboard image knows the API's address alone, and its pages may reach nothing else", async () => {
  const image = await build({ VITE_MODELFAUCET_API_BASE_URL: apiBaseUrl });
  expect(image).toMatchObject({ user: "10001:10001", leftOut: [] });
  const pages = globSync("srv/pages/html/assets/*.js", { cwd: image.root });
  const texts = pages.map((page) => readFileSync(join(image.root, page), "utf8")).join("\n");
  expect(texts).toContain(apiBaseUrl);
  expect(readFileSync(join(image.root, "srv/pages/nginx.conf"), "utf8")).toContain(
    `connect-src 'self' ${apiBaseUrl};`,
  );
}, 120_000);

it("a build that is handed a token stops and names it, never its value", async () => {
  const handed = {
    VITE_MODELFAUCET_API_BASE_URL: apiBaseUrl,
    VITE_MODELFAUCET_DEVELOPER_TOKEN: "canary-developer",
    VITE_MODELFAUCET_DEVELOPER_ADMIN_TOKEN: "canary-admin",
  };
  const refusal = await build(handed).then(
    () => "built",
    (error: Error) => error.message,
  );
  expect(refusal).toMatch(/VITE_MODELFAUCET_DEVELOPER_TOKEN would put a secret into a page/);
  expect(refusal).toMatch(/VITE_MODELFAUCET_DEVELOPER_ADMIN_TOKEN would put a secret into a page/);
  expect(refusal).not.toContain("canary");
}, 120_000);
