import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { makeApp } from "../../flows/open-session-testbed.ts";
import { newToken } from "../../lib/ids.ts";
import {
  adminToken,
  type ConsoleBed,
  codeOf,
  developerAdminToken,
  foreignOrigin,
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
afterEach(() => moveClock(0));
afterAll(() => bed.close());

const moveClock = (ms: number) => bed.bed.cloned.setClockOffset(ms);
const signedInDeveloper = async (email = one.developer.email) => {
  const browser = bed.browser();
  expect((await browser.signIn(await bed.developerCode(email))).status).toBe(200);
  return browser;
};
const signedInOperator = async () => {
  const browser = bed.browser();
  expect((await browser.signIn(await bed.operatorCode(operator))).status).toBe(200);
  return browser;
};
const error = (answer: {
  status: number;
  body: { error: { code: string; details?: { reason?: string } } };
}) => [answer.status, answer.body.error.code, answer.body.error.details?.reason];
const gone = [401, "invalid_session", undefined];

describe("a one-time link", () => {
  it("signs a developer in: session, cookie, audit row that names the person", async () => {
    const browser = bed.browser();
    const answer = await browser.signIn(await bed.developerCode(one.developer.email));
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      person: { name: "console_one", email: one.developer.email },
      kind: "developer",
      developer_id: one.developer.id,
    });
    expect(answer.body.scopes).toContain("developer:usage:read");
    expect(answer.headers.get("set-cookie")).toMatch(
      /^mf_console=mf_cons_[0-9A-Za-z]{38}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/,
    );
    expect((await browser.me()).body).toEqual(answer.body);
    const rows = await bed.rows(
      (tx) => tx`select actor_scope, actor_name, metadata->>'by' as by from audit_logs
        where action = 'developer.sign_in' and developer_id = ${one.developer.id}`,
    );
    expect([...rows]).toEqual([{ actor_scope: "developer", actor_name: one.developer.email, by: "link" }]);
  });

  it("makes an operator that is not known yet, once, with every scope", async () => {
    const browser = await signedInOperator();
    const me = await browser.call("GET", "/v1/admin/me");
    expect(me.body).toMatchObject({ operator: { name: operator, email: operator } });
    expect(me.body.scopes).toHaveLength(8);
    await Promise.all([bed.operatorCode("new@example.com"), bed.operatorCode("NEW@example.com")]);
    const [rows] = await bed.rows(
      (tx) => tx`select count(*)::int as operators, (select count(*)::int from audit_logs
        where action = 'operator.create') as created from operators`,
    );
    expect(rows).toEqual({ operators: 2, created: 2 });
  });

  it("opens one session, of two at once and of two in turn", async () => {
    const code = await bed.developerCode(one.developer.email);
    const both = await Promise.all(
      [bed.browser(), bed.browser(), bed.browser()].map((tab) => tab.signIn(code)),
    );
    expect(both.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
    expect(error(await bed.browser().signIn(code))).toEqual(gone);
  });

  it("ends after ten minutes, an invitation after seven days", async () => {
    const code = await bed.developerCode(one.developer.email);
    const invited = await bed
      .browser()
      .call(
        "POST",
        `/v1/admin/developers/${one.developer.id}/invite`,
        { reason: "a new colleague", email: "colleague@example.com" },
        { token: adminToken },
      );
    expect(invited.status).toBe(201);
    expect(invited.body).toMatchObject({
      mailed: false,
      url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:5173\/sign-in#code=mf_link_/),
    });
    await moveClock(10 * minutes + 1_000);
    expect(error(await bed.browser().signIn(code))).toEqual(gone);
    const browser = bed.browser();
    await moveClock(7 * 24 * hours - 1_000);
    expect((await browser.signIn(codeOf(invited.body.url))).body.person.email).toBe("colleague@example.com");
    const late = await bed
      .browser()
      .call(
        "POST",
        `/v1/admin/developers/${one.developer.id}/invite`,
        { reason: "another" },
        { token: adminToken },
      );
    await moveClock(14 * 24 * hours + 1_000);
    expect(error(await bed.browser().signIn(codeOf(late.body.url)))).toEqual(gone);
  });

  it("tells an unknown, a mistyped, a used and an expired code in the same words", async () => {
    const used = await bed.developerCode(one.developer.email);
    await bed.browser().signIn(used);
    const expired = await bed.developerCode(one.developer.email);
    await moveClock(11 * minutes);
    const codes = [newToken("mf_link_"), "mf_link_typed", "' or 1=1 --", used, expired];
    const told = await Promise.all(codes.map((code) => bed.browser().signIn(code)));
    expect(new Set(told.map(({ body }) => body.error.message)).size).toBe(1);
    expect(told.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    for (const { headers } of told) expect(headers.get("set-cookie")).toBeNull();
  });

  it("is refused to whoever is closed or suspended, and sessions end at once", async () => {
    const app = await makeApp(bed.bed, "console_closing");
    const unused = await bed.developerCode(app.developer.email);
    const browser = await signedInDeveloper(app.developer.email);
    const [operatorRow] = await bed.rows((tx) => tx`select id from operators where email = ${operator}`);
    const operatorTab = await signedInOperator();
    const operatorLink = await bed.operatorCode(operator);
    await bed.rows(async (tx) => {
      await tx`update developers set status = 'closed' where id = ${app.developer.id}`;
      await tx`update operators set status = 'suspended' where id = ${operatorRow!.id}`;
    });
    expect(error(await bed.browser().signIn(unused))).toEqual(gone);
    expect(error(await browser.me())).toEqual(gone);
    expect(error(await browser.call("GET", "/v1/developer/apps"))).toEqual(gone);
    await expect(bed.developerCode(app.developer.email)).rejects.toThrow("closed and gets no sign-in link");
    await expect(bed.operatorCode(operator)).rejects.toThrow("suspended and gets no sign-in link");
    expect(error(await bed.browser().signIn(operatorLink))).toEqual([403, "suspended", undefined]);
    expect(error(await operatorTab.me())).toEqual([403, "suspended", undefined]);
    const invite = await bed
      .browser()
      .call(
        "POST",
        `/v1/admin/developers/${app.developer.id}/invite`,
        { reason: "x" },
        { token: adminToken },
      );
    expect(error(invite)).toEqual([409, "conflict", "closed"]);
    await bed.rows((tx) => tx`update operators set status = 'active' where id = ${operatorRow!.id}`);
    // A suspension takes no link away.
    expect((await bed.browser().signIn(operatorLink)).status).toBe(200);
  });
});

describe("a token", () => {
  it("opens a session with its scopes and apps, which ends with it", async () => {
    const scopes = ["developer:apps:read", "developer:tokens:write"];
    const { token, item } = await bed.developerToken(one.developer.id, {
      scopes,
      publicAppIds: ["console_one"],
    });
    const browser = bed.browser();
    const answer = await browser.exchange(token);
    expect(answer.body).toMatchObject({ kind: "developer", developer_id: one.developer.id, scopes });
    expect((await browser.call("GET", "/v1/developer/apps")).status).toBe(200);
    expect(error(await browser.call("GET", "/v1/developer/tokens"))).toEqual([403, "forbidden", undefined]);
    expect(error(await browser.call("GET", "/v1/developer/apps/console_other"))[0]).toBe(404);
    const made = await browser.call("POST", "/v1/developer/tokens", { name: "from the console" });
    expect(made.body.item).toMatchObject({ created_by: item.id, public_app_ids: ["console_one"] });
    await browser.call("DELETE", `/v1/developer/tokens/${item.id}`);
    expect(error(await browser.me())).toEqual(gone);
    expect(error(await browser.exchange(token))).toEqual(gone);
  });

  it("ends the session when it expires", async () => {
    const { token, item } = await bed.developerToken(one.developer.id);
    await bed.rows(
      (tx) =>
        tx`update developer_api_tokens set expires_at = mf_now() + interval '5 minutes' where id = ${item.id}`,
    );
    const browser = bed.browser();
    await browser.exchange(token);
    await moveClock(4 * minutes);
    expect((await browser.me()).status).toBe(200);
    await moveClock(6 * minutes);
    expect(error(await browser.me())).toEqual(gone);
  });

  it("of the environment opens a session that ends when the environment no longer has it", async () => {
    const [admin, developers] = [bed.browser(), bed.browser()];
    expect((await admin.exchange(adminToken)).body).toMatchObject({
      kind: "operator",
      person: { name: "bootstrap" },
    });
    expect((await developers.exchange(developerAdminToken)).body.developer_id).toBeUndefined();
    expect((await admin.call("GET", "/v1/admin/me")).body.operator).toEqual({
      id: "bootstrap",
      name: "bootstrap",
    });
    const listed = await developers.call("GET", "/v1/developer/apps");
    expect(listed.body.items.length).toBeGreaterThanOrEqual(2);
    bed.credentials.adminTokens = ["another-admin-token-of-the-console"];
    expect(error(await admin.me())).toEqual(gone);
    bed.credentials.adminTokens = [adminToken];
    expect((await admin.me()).status).toBe(200);
    const rows = await bed.rows(
      (tx) =>
        tx`select actor_scope from audit_logs where action like '%sign_in' and actor_name = 'bootstrap'`,
    );
    expect(rows.map((row) => row.actor_scope)).toEqual(["bootstrap", "bootstrap"]);
  });

  it("of another kind, or unknown, opens nothing; named operator tokens are told to come", async () => {
    for (const token of ["nothing", newToken("mf_dev_"), newToken("mf_sess_"), newToken("mf_cons_")]) {
      expect(error(await bed.browser().exchange(token))).toEqual(gone);
    }
    const named = await bed.browser().exchange(newToken("mf_admin_"));
    expect([named.status, named.body.error.param]).toEqual([400, "token"]);
    expect(named.body.error.message).toContain("package 3");
  });
});

describe("the cookie", () => {
  it("counts from the console's origin alone, for reading too", async () => {
    const browser = await signedInDeveloper();
    for (const origin of [
      null,
      foreignOrigin,
      "null",
      "http://127.0.0.1:5174",
      "https://127.0.0.1:5173",
      "http://evil.example",
    ]) {
      expect(error(await browser.call("GET", "/v1/developer/me", undefined, { origin }))).toEqual(gone);
      expect(error(await browser.call("DELETE", "/v1/console/session", undefined, { origin }))).toEqual(gone);
    }
    expect(
      (await browser.call("GET", "/v1/developer/me", undefined, { origin: "http://localhost:5173" })).status,
    ).toBe(200);
  });

  it("answers credentials to the console's origin alone, preflight and error included", async () => {
    const browser = await signedInDeveloper();
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
    const [browser, neighbour] = [await signedInDeveloper(), await signedInDeveloper()];
    const write = (csrf: string | null) =>
      browser.call("PATCH", "/v1/developer/apps/console_one", { name: "Renamed" }, { csrf });
    for (const csrf of [null, "", "x", neighbour.jar.csrf]) {
      expect(error(await write(csrf))).toEqual([403, "forbidden", "csrf"]);
    }
    expect((await write(browser.jar.csrf)).status).toBe(200);
    expect(error(await browser.call("DELETE", "/v1/console/session", undefined, { csrf: null }))).toEqual([
      403,
      "forbidden",
      "csrf",
    ]);
    const rows = await bed.rows(
      (tx) => tx`select actor_name from audit_logs where action = 'app.update' and actor_scope = 'developer'`,
    );
    expect(rows.map((row) => row.actor_name)).toEqual([one.developer.email]);
  });

  it("of a wrong form, of nobody, or sent twice opens nothing, and the first of these costs no query", async () => {
    const browser = await signedInDeveloper();
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
        ...error(await browser.call("GET", "/v1/console/session", undefined, { cookie })),
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
      expect(error(await browser.call("GET", "/v1/console/session", undefined, { cookie: plain }))).toEqual(
        gone,
      );
      expect(hosted.origins).toEqual(["https://console.example.com"]);
    } finally {
      await hosted.close();
    }
  });

  it("ends by signing out, everywhere that it was copied to", async () => {
    const browser = await signedInDeveloper();
    const copy = browser.jar.cookie!;
    const answer = await browser.call("DELETE", "/v1/console/session");
    expect(answer.body).toEqual({ ok: true });
    expect(answer.headers.get("set-cookie")).toBe("mf_console=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax");
    expect(error(await browser.call("GET", "/v1/console/session", undefined, { cookie: copy }))).toEqual(
      gone,
    );
  });

  it.each([
    ["developer", 12 * hours, 7 * 24 * hours],
    ["operator", hours, 12 * hours],
  ])("of a %s ends when it is idle and at the latest after its whole time", async (kind, idle, whole) => {
    const start = () => (kind === "operator" ? signedInOperator() : signedInDeveloper());
    const ended = [401, "expired_session", undefined];
    const sleeper = await start();
    const busy = await start();
    await moveClock(idle - minutes);
    expect((await sleeper.me()).status).toBe(200);
    await moveClock(2 * idle - 2 * minutes);
    expect((await sleeper.me()).status).toBe(200);
    expect(error(await busy.me())).toEqual(ended);
    await moveClock(3 * idle);
    expect(error(await sleeper.me())).toEqual(ended);
    await moveClock(0);
    const worker = await start();
    for (let at = 0; at < whole; at += idle - minutes) {
      await moveClock(at);
      expect((await worker.me()).status).toBe(200);
    }
    await moveClock(whole + 1_000);
    expect(error(await worker.me())).toEqual(ended);
  });

  it("is noted once a minute at most", async () => {
    const browser = await signedInDeveloper();
    const seen = async () => {
      const [row] = await bed.rows(
        (tx) => tx`select xmin::text from console_sessions order by id desc limit 1`,
      );
      return row!.xmin;
    };
    const before = await seen();
    for (let calls = 0; calls < 5; calls++) await browser.me();
    expect(await seen()).toBe(before);
    await moveClock(61_000);
    await browser.me();
    expect(await seen()).not.toBe(before);
  });
});

describe("what it opens", () => {
  it("is the developer's own rows and no operator's route, or the operator's and no developer's", async () => {
    const browser = await signedInDeveloper();
    const apps = await browser.call("GET", "/v1/developer/apps");
    expect(apps.body.items.map((app: { public_app_id: string }) => app.public_app_id)).toEqual([
      "console_one",
    ]);
    expect((await browser.call("GET", "/v1/developer/apps/console_other")).status).toBe(404);
    expect((await browser.call("GET", `/v1/developer/apps?developer_id=${other.developer.id}`)).status).toBe(
      404,
    );
    expect(error(await browser.call("GET", "/v1/admin/developers"))).toEqual([403, "forbidden", undefined]);
    const operatorTab = await signedInOperator();
    expect((await operatorTab.call("GET", "/v1/admin/developers")).status).toBe(200);
    expect(error(await operatorTab.call("GET", "/v1/developer/apps"))).toEqual([403, "forbidden", undefined]);
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
    expect(error(await bed.browser().me())).toEqual(gone);
  });

  it("a bearer token from another page stays refused, and goes before the cookie", async () => {
    const { token } = await bed.developerToken(one.developer.id);
    const browser = await signedInOperator();
    const from = (origin: string | null) =>
      browser.call("GET", "/v1/developer/me", undefined, { token, origin });
    expect(error(await from(foreignOrigin))).toEqual([403, "forbidden", "browser"]);
    expect((await from(null)).body.developer.id).toBe(one.developer.id);
    expect((await from(bed.origins[0]!)).body.developer.id).toBe(one.developer.id);
  });

  it("an operator goes on as the developer with the same e-mail address, and back; nobody else does", async () => {
    const both = await makeApp(bed.bed, "console_both");
    const code = await bed.operatorCode(both.developer.email);
    const browser = bed.browser();
    await browser.signIn(code);
    const to = (body: object, from = browser) => from.call("POST", "/v1/console/session/switch", body);
    expect(error(await to({ developer_id: other.developer.id }))[0]).toBe(404);
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
    const developer = await signedInDeveloper(both.developer.email);
    expect(error(await to({ operator: true }, developer))).toEqual([403, "forbidden", "not_operator"]);
    const admin = bed.browser();
    await admin.exchange(adminToken);
    expect(error(await to({ developer_id: one.developer.id }, admin))).toEqual([
      403,
      "forbidden",
      "not_operator",
    ]);
  });
});

describe("signing in", () => {
  it("is the console's pages' alone", async () => {
    const code = await bed.developerCode(one.developer.email);
    for (const origin of [null, foreignOrigin]) {
      expect(error(await bed.browser().signIn(code, { origin }))).toEqual([403, "forbidden", "origin"]);
    }
    expect((await bed.browser().signIn(code)).status).toBe(200);
  });

  it("pauses for an address after ten failures, also when they come at once; others go on", async () => {
    const guesser = bed.browser();
    const guesses = await Promise.all(Array.from({ length: 40 }, () => guesser.signIn(newToken("mf_link_"))));
    expect(guesses.filter(({ status }) => status === 401)).toHaveLength(10);
    const code = await bed.developerCode(one.developer.email);
    const refused = await guesser.signIn(code);
    expect([refused.status, refused.body.error.code]).toEqual([429, "rate_limited"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(14 * 60);
    expect((await guesser.exchange(adminToken)).status).toBe(429);
    expect((await bed.browser().signIn(code)).status).toBe(200);
    const rows = await bed.rows(
      (tx) => tx`select address_prefix from audit_logs where action = 'auth.failed_burst'`,
    );
    expect(rows.map((row) => row.address_prefix)).toEqual(["203.0.113.0/24"]);
  });

  it("leaves no code, token, cookie or csrf token in log or database", async () => {
    const { token } = await bed.developerToken(one.developer.id);
    const code = await bed.operatorCode(operator);
    const browser = bed.browser();
    await browser.signIn(code);
    const first = { ...browser.jar };
    await browser.exchange(token);
    await browser.call("GET", `/v1/console/session?code=${code}`);
    await browser.signIn(code);
    const secrets = [
      code,
      token,
      ...[first, browser.jar].flatMap(({ cookie, csrf }) => [cookie!.split("=")[1]!, csrf!]),
    ];
    const stored = await bed.rows(async (tx) => {
      const texts = [];
      for (const table of ["console_sessions", "sign_in_links", "operators", "audit_logs"]) {
        texts.push(
          ...(await tx.unsafe(`select to_jsonb(t)::text as line from ${table} t`)).map((row) => row.line),
        );
      }
      return texts.join("\n");
    });
    expect(bed.logged()).toContain('"route":"/v1/console/sign-in"');
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThan(30);
      expect(bed.logged()).not.toContain(secret);
      expect(stored).not.toContain(secret);
    }
  });
});
