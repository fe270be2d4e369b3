import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { makeApp } from "../../flows/open-session-testbed.ts";
import { newToken } from "../../lib/ids.ts";
import {
  adminToken,
  type ConsoleBed,
  developerAdminToken,
  errorOf,
  foreignOrigin,
  gone,
  openConsole,
} from "./console-testbed.ts";

let bed: ConsoleBed;
let one: Awaited<ReturnType<typeof makeApp>>;
let other: Awaited<ReturnType<typeof makeApp>>;
const operator = "ada@example.com";
const minutes = 60_000;
const hours = 60 * minutes;

beforeAll(async () => {
  bed = await openConsole(inject("postgres"));
  one = await makeApp(bed.bed, "console_one");
  other = await makeApp(bed.bed, "console_other");
});
afterEach(() => bed.moveClock(0));
afterAll(() => bed.close());

describe("the cookie", () => {
  it("counts from the console's origin alone, for reading too", async () => {
    const browser = await bed.developerBrowser(one.developer.email);
    for (const origin of [
      null,
      foreignOrigin,
      "null",
      "http://127.0.0.1:5174",
      "https://127.0.0.1:5173",
      "http://evil.example",
    ]) {
      expect(errorOf(await browser.call("GET", "/v1/developer/me", undefined, { origin }))).toEqual(gone);
      expect(errorOf(await browser.call("DELETE", "/v1/console/session", undefined, { origin }))).toEqual(
        gone,
      );
    }
    expect(
      (await browser.call("GET", "/v1/developer/me", undefined, { origin: "http://localhost:5173" })).status,
    ).toBe(200);
  });

  it("answers credentials to the console's origin alone, preflight and error included", async () => {
    const browser = await bed.developerBrowser(one.developer.email);
    const credentials = async (method: string, origin: string) => {
      const { headers } = await fetch(`${bed.base}/v1/developer/apps`, {
        method,
        headers: {
          origin,
          "access-control-request-method": "PATCH",
          "access-control-request-headers": "x-csrf-token",
        },
      });
      return [headers.get("access-control-allow-origin"), headers.get("access-control-allow-credentials")];
    };
    for (const method of ["GET", "OPTIONS"]) {
      for (const origin of bed.origins) expect(await credentials(method, origin)).toEqual([origin, "true"]);
      expect(await credentials(method, foreignOrigin)).toEqual([foreignOrigin, null]);
      expect(await credentials(method, "https://evil.example")).toEqual([null, null]);
    }
    expect((await browser.me()).headers.get("cache-control")).toBe("private, no-store");
  });

  it("wants the csrf token of this very session with everything that is no GET", async () => {
    const [browser, neighbour] = [
      await bed.developerBrowser(one.developer.email),
      await bed.developerBrowser(one.developer.email),
    ];
    const write = (csrf: string | null) =>
      browser.call("PATCH", "/v1/developer/apps/console_one", { name: "Renamed" }, { csrf });
    for (const csrf of [null, "", "x", neighbour.jar.csrf]) {
      expect(errorOf(await write(csrf))).toEqual([403, "forbidden", "csrf"]);
    }
    expect((await write(browser.jar.csrf)).status).toBe(200);
    expect(errorOf(await browser.call("DELETE", "/v1/console/session", undefined, { csrf: null }))).toEqual([
      403,
      "forbidden",
      "csrf",
    ]);
    const rows = await bed.rows(
      (tx) => tx`select actor_name from audit_logs where action = 'app.update' and actor_scope = 'developer'`,
    );
    expect(rows.map((row) => row.actor_name)).toEqual([one.developer.email]);
  });

  it("of a wrong form, of nobody, or sent twice opens nothing", async () => {
    const browser = await bed.developerBrowser(one.developer.email);
    const own = browser.jar.cookie!;
    for (const cookie of [
      "mf_console=",
      "mf_console=mf_cons_x",
      `mf_console=${newToken("mf_cons_")}`,
      `${own}; ${own}`,
      `${own}x`,
      own.replace("mf_console", "__Host-mf_console"),
      own.replace("mf_console", "xmf_console"),
    ]) {
      expect([
        cookie,
        ...errorOf(await browser.call("GET", "/v1/console/session", undefined, { cookie })),
      ]).toEqual([cookie, ...gone]);
    }
    expect(
      (await browser.call("GET", "/v1/console/session", undefined, { cookie: `a=b; ${own}; c=d` })).status,
    ).toBe(200);
  });

  it("has its protected name behind TLS, and the other one counts no more", async () => {
    const hosted = await openConsole(inject("postgres"), { https: true });
    try {
      const browser = hosted.browser();
      const answer = await browser.signIn(await hosted.operatorCode("o@example.com"));
      expect(answer.headers.get("set-cookie")).toMatch(
        /^__Host-mf_console=mf_cons_[0-9A-Za-z]{38}; Path=\/; Max-Age=43200; HttpOnly; Secure; SameSite=Lax$/,
      );
      expect((await browser.me()).status).toBe(200);
      const plain = browser.jar.cookie!.replace("__Host-", "");
      expect(errorOf(await browser.call("GET", "/v1/console/session", undefined, { cookie: plain }))).toEqual(
        gone,
      );
      expect(hosted.origins).toEqual(["https://console.example.com"]);
    } finally {
      await hosted.close();
    }
  });

  it("ends by signing out, everywhere that it was copied to", async () => {
    const browser = await bed.developerBrowser(one.developer.email);
    const copy = browser.jar.cookie!;
    const answer = await browser.call("DELETE", "/v1/console/session");
    expect(answer.body).toEqual({ ok: true });
    expect(answer.headers.get("set-cookie")).toBe("mf_console=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    expect(errorOf(await browser.call("GET", "/v1/console/session", undefined, { cookie: copy }))).toEqual(
      gone,
    );
  });

  it.each([
    ["developer", 12 * hours, 7 * 24 * hours],
    ["operator", hours, 12 * hours],
  ])("of a %s ends when it is idle and at the latest after its whole time", async (kind, idle, whole) => {
    const start = () =>
      kind === "operator" ? bed.operatorBrowser(operator) : bed.developerBrowser(one.developer.email);
    const ended = [401, "expired_session", undefined];
    const sleeper = await start();
    const busy = await start();
    await bed.moveClock(idle - minutes);
    expect((await sleeper.me()).status).toBe(200);
    await bed.moveClock(2 * idle - 2 * minutes);
    expect((await sleeper.me()).status).toBe(200);
    expect(errorOf(await busy.me())).toEqual(ended);
    await bed.moveClock(3 * idle);
    expect(errorOf(await sleeper.me())).toEqual(ended);
    await bed.moveClock(0);
    const worker = await start();
    for (let at = 0; at < whole; at += idle - minutes) {
      await bed.moveClock(at);
      expect((await worker.me()).status).toBe(200);
    }
    await bed.moveClock(whole + 1_000);
    expect(errorOf(await worker.me())).toEqual(ended);
  });

  it("is noted once a minute at most", async () => {
    const browser = await bed.developerBrowser(one.developer.email);
    const seen = async () => {
      const [row] = await bed.rows(
        (tx) => tx`select xmin::text from console_sessions order by id desc limit 1`,
      );
      return row!.xmin;
    };
    const before = await seen();
    for (let calls = 0; calls < 5; calls++) await browser.me();
    expect(await seen()).toBe(before);
    await bed.moveClock(61_000);
    await browser.me();
    expect(await seen()).not.toBe(before);
  });
});

describe("what it opens", () => {
  it("is the developer's own rows and no operator's route, or the operator's and no developer's", async () => {
    const browser = await bed.developerBrowser(one.developer.email);
    const apps = await browser.call("GET", "/v1/developer/apps");
    expect(apps.body.items.map((app: { public_app_id: string }) => app.public_app_id)).toEqual([
      "console_one",
    ]);
    expect((await browser.call("GET", "/v1/developer/apps/console_other")).status).toBe(404);
    expect((await browser.call("GET", `/v1/developer/apps?developer_id=${other.developer.id}`)).status).toBe(
      404,
    );
    expect(errorOf(await browser.call("GET", "/v1/admin/developers"))).toEqual([403, "forbidden", undefined]);
    const operatorTab = await bed.operatorBrowser(operator);
    expect((await operatorTab.call("GET", "/v1/admin/developers")).status).toBe(200);
    expect(errorOf(await operatorTab.call("GET", "/v1/developer/apps"))).toEqual([
      403,
      "forbidden",
      undefined,
    ]);
    const made = await operatorTab.call("POST", "/v1/admin/developers", {
      email: "made@example.com",
      name: "Made",
      reason: "asked",
    });
    const [row] = await bed.rows(
      (tx) => tx`select actor_scope, actor_name from audit_logs where resource_id = ${made.body.id}`,
    );
    expect(row).toEqual({ actor_scope: "admin", actor_name: operator });
  });

  it("is the console's own routes to nobody else", async () => {
    const call = (token: string) =>
      bed.browser().call("GET", "/v1/console/session", undefined, { token, origin: null });
    for (const token of [adminToken, developerAdminToken]) {
      const answer = await call(token);
      expect([answer.status, answer.body.error.details.required]).toEqual([403, "console"]);
    }
    expect(errorOf(await bed.browser().me())).toEqual(gone);
  });

  it("a bearer token from another page stays refused, and goes before the cookie", async () => {
    const { token } = await bed.developerToken(one.developer.id);
    const browser = await bed.operatorBrowser(operator);
    const from = (origin: string | null) =>
      browser.call("GET", "/v1/developer/me", undefined, { token, origin });
    expect(errorOf(await from(foreignOrigin))).toEqual([403, "forbidden", "browser"]);
    expect((await from(null)).body.developer.id).toBe(one.developer.id);
    expect((await from(bed.origins[0]!)).body.developer.id).toBe(one.developer.id);
  });

  it("an operator goes on as the developer with the same e-mail address, and back; nobody else does", async () => {
    const both = await makeApp(bed.bed, "console_both");
    const code = await bed.operatorCode(both.developer.email);
    const browser = bed.browser();
    await browser.signIn(code);
    const to = (body: object, from = browser) => from.call("POST", "/v1/console/session/switch", body);
    expect(errorOf(await to({ developer_id: other.developer.id }))[0]).toBe(404);
    expect((await to({})).status).toBe(400);
    expect((await to({ operator: true, developer_id: both.developer.id })).status).toBe(400);
    const switched = await to({ developer_id: both.developer.id });
    expect(switched.body).toMatchObject({ kind: "developer", developer_id: both.developer.id });
    expect((await browser.me()).body).toEqual(switched.body);
    expect((await browser.call("GET", "/v1/developer/apps")).body.items).toHaveLength(1);
    expect((await browser.call("GET", "/v1/admin/me")).status).toBe(403);
    expect((await to({ operator: true })).body.kind).toBe("operator");
    expect((await browser.call("GET", "/v1/admin/me")).status).toBe(200);
    // Whoever may invite developers could otherwise become any operator.
    const developer = await bed.developerBrowser(both.developer.email);
    expect(errorOf(await to({ operator: true }, developer))).toEqual([403, "forbidden", "not_operator"]);
    const admin = bed.browser();
    await admin.exchange(adminToken);
    expect(errorOf(await to({ developer_id: one.developer.id }, admin))).toEqual([
      403,
      "forbidden",
      "not_operator",
    ]);
  });
});
