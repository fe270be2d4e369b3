import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { makeApp } from "../../flows/open-session-testbed.ts";
import { newToken } from "../../lib/ids.ts";
import {
  adminToken,
  type ConsoleBed,
  codeOf,
  developerAdminToken,
  errorOf,
  foreignOrigin,
  gone,
  openConsole,
} from "./console-testbed.ts";

let bed: ConsoleBed;
let one: Awaited<ReturnType<typeof makeApp>>;

const operator = "ada@example.com";
const minutes = 60_000;
const hours = 60 * minutes;

beforeAll(async () => {
  bed = await openConsole(inject("postgres"));
  one = await makeApp(bed.bed, "console_one");
  await makeApp(bed.bed, "console_other");
});
afterEach(() => bed.moveClock(0));
afterAll(() => bed.close());

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
    const browser = await bed.operatorBrowser(operator);
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
    expect(errorOf(await bed.browser().signIn(code))).toEqual(gone);
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
    await bed.moveClock(10 * minutes + 1_000);
    expect(errorOf(await bed.browser().signIn(code))).toEqual(gone);
    const browser = bed.browser();
    await bed.moveClock(7 * 24 * hours - 1_000);
    expect((await browser.signIn(codeOf(invited.body.url))).body.person.email).toBe("colleague@example.com");
    const late = await bed
      .browser()
      .call(
        "POST",
        `/v1/admin/developers/${one.developer.id}/invite`,
        { reason: "another" },
        { token: adminToken },
      );
    await bed.moveClock(14 * 24 * hours + 1_000);
    expect(errorOf(await bed.browser().signIn(codeOf(late.body.url)))).toEqual(gone);
  });

  it("tells an unknown, a mistyped, a used and an expired code in the same words", async () => {
    const used = await bed.developerCode(one.developer.email);
    await bed.browser().signIn(used);
    const expired = await bed.developerCode(one.developer.email);
    await bed.moveClock(11 * minutes);
    const codes = [newToken("mf_link_"), "mf_link_typed", "' or 1=1 --", used, expired];
    const told = await Promise.all(codes.map((code) => bed.browser().signIn(code)));
    expect(new Set(told.map(({ body }) => body.error.message)).size).toBe(1);
    expect(told.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
    for (const { headers } of told) expect(headers.get("set-cookie")).toBeNull();
  });

  it("is refused to whoever is closed or suspended, and sessions end at once", async () => {
    const app = await makeApp(bed.bed, "console_closing");
    const unused = await bed.developerCode(app.developer.email);
    const browser = await bed.developerBrowser(app.developer.email);
    const [operatorRow] = await bed.rows((tx) => tx`select id from operators where email = ${operator}`);
    const operatorTab = await bed.operatorBrowser(operator);
    const operatorLink = await bed.operatorCode(operator);
    await bed.rows(async (tx) => {
      await tx`update developers set status = 'closed' where id = ${app.developer.id}`;
      await tx`update operators set status = 'suspended' where id = ${operatorRow!.id}`;
    });
    expect(errorOf(await bed.browser().signIn(unused))).toEqual(gone);
    expect(errorOf(await browser.me())).toEqual(gone);
    expect(errorOf(await browser.call("GET", "/v1/developer/apps"))).toEqual(gone);
    await expect(bed.developerCode(app.developer.email)).rejects.toThrow("closed and gets no sign-in link");
    await expect(bed.operatorCode(operator)).rejects.toThrow("suspended and gets no sign-in link");
    expect(errorOf(await bed.browser().signIn(operatorLink))).toEqual([403, "suspended", undefined]);
    expect(errorOf(await operatorTab.me())).toEqual([403, "suspended", undefined]);
    const invite = await bed
      .browser()
      .call(
        "POST",
        `/v1/admin/developers/${app.developer.id}/invite`,
        { reason: "x" },
        { token: adminToken },
      );
    expect(errorOf(invite)).toEqual([409, "conflict", "closed"]);
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
    expect(errorOf(await browser.call("GET", "/v1/developer/tokens"))).toEqual([403, "forbidden", undefined]);
    expect(errorOf(await browser.call("GET", "/v1/developer/apps/console_other"))[0]).toBe(404);
    const made = await browser.call("POST", "/v1/developer/tokens", { name: "from the console" });
    expect(made.body.item).toMatchObject({ created_by: item.id, public_app_ids: ["console_one"] });
    await browser.call("DELETE", `/v1/developer/tokens/${item.id}`);
    expect(errorOf(await browser.me())).toEqual(gone);
    expect(errorOf(await browser.exchange(token))).toEqual(gone);
  });

  it("ends the session when it expires", async () => {
    const { token, item } = await bed.developerToken(one.developer.id);
    await bed.rows(
      (tx) =>
        tx`update developer_api_tokens set expires_at = mf_now() + interval '5 minutes' where id = ${item.id}`,
    );
    const browser = bed.browser();
    await browser.exchange(token);
    await bed.moveClock(4 * minutes);
    expect((await browser.me()).status).toBe(200);
    await bed.moveClock(6 * minutes);
    expect(errorOf(await browser.me())).toEqual(gone);
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
    expect(errorOf(await admin.me())).toEqual(gone);
    bed.credentials.adminTokens = [adminToken];
    expect((await admin.me()).status).toBe(200);
    const rows = await bed.rows(
      (tx) =>
        tx`select actor_scope from audit_logs where action like '%sign_in' and actor_name = 'bootstrap'`,
    );
    expect(rows.map((row) => row.actor_scope)).toEqual(["bootstrap", "bootstrap"]);
  });

  it("of another kind, or unknown, opens nothing", async () => {
    const prefixes = ["mf_dev_", "mf_admin_", "mf_sess_", "mf_cons_"] as const;
    for (const token of ["nothing", ...prefixes.map(newToken)]) {
      expect(errorOf(await bed.browser().exchange(token))).toEqual(gone);
    }
  });
});

describe("signing in", () => {
  it("is the console's pages' alone", async () => {
    const code = await bed.developerCode(one.developer.email);
    for (const origin of [null, foreignOrigin]) {
      expect(errorOf(await bed.browser().signIn(code, { origin }))).toEqual([403, "forbidden", "origin"]);
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
