import type { BodyOf } from "@modelfaucet/contract/route.ts";
import type { updateApp } from "@modelfaucet/contract/routes/apps.ts";
import type { AppItem } from "./apps-query.ts";

/** What a PATCH may carry. */
export type Patch = Partial<BodyOf<typeof updateApp>>;

/** One setting as a field of text: how it is read from the app, and what a changed text means. */
export type SettingField = {
  name: string;
  label: string;
  hint?: string;
  kind:
    | "text"
    | "whole"
    | "money"
    | "percent"
    | "lines"
    | { options: readonly (readonly [string, string])[] };
  show: (app: AppItem) => string;
};

type Group = { title: string; note?: string; fields: readonly SettingField[] };

const money = (group: "wallet_limits", name: string, label: string): SettingField => ({
  name: `${group}.${name}`,
  label,
  kind: "money",
  show: (app) => short(app[group][name]),
});
const rate = (name: string, label: string): SettingField => ({
  name: `rate_limits.${name}`,
  label,
  kind: "whole",
  show: (app) => String(app.rate_limits[name] ?? ""),
});

export const settingGroups: readonly Group[] = [
  {
    title: "General",
    fields: [
      { name: "name", label: "Name", kind: "text", show: (app) => app.name },
      {
        name: "status",
        label: "State",
        kind: {
          options: [
            ["active", "Active"],
            ["disabled", "Disabled"],
          ],
        },
        show: (app) => app.status,
      },
      { name: "vertical", label: "Vertical", kind: "text", show: (app) => app.vertical ?? "" },
      {
        name: "default_developer_share_bps",
        label: "Your share of the margin, %",
        hint: "for features that set none",
        kind: "percent",
        show: (app) => String(app.default_developer_share_bps / 100),
      },
      {
        name: "time_zone",
        label: "Time zone",
        hint: "in which days and months of limits begin",
        kind: "text",
        show: (app) => app.time_zone,
      },
    ],
  },
  {
    title: "Users and sessions",
    fields: [
      {
        name: "identity_mode",
        label: "Users are proved by",
        kind: {
          options: [
            ["signed", "a token that your backend signs"],
            ["server", "your backend alone"],
            ["demo", "nothing (demo)"],
          ],
        },
        show: (app) => app.identity_mode,
      },
      {
        name: "identity.issuer",
        label: "Issuer of user tokens",
        hint: "empty: any",
        kind: "text",
        show: (app) => app.identity.issuer ?? "",
      },
      {
        name: "allowed_origins",
        label: "Allowed origins, one a line",
        hint: "pages that may call; exact, for example https://app.example.com",
        kind: "lines",
        show: (app) => app.allowed_origins.join("\n"),
      },
      {
        name: "session_ttl_seconds",
        label: "A session lasts, seconds",
        kind: "whole",
        show: (app) => String(app.session_ttl_seconds),
      },
      {
        name: "session_max_age_seconds",
        label: "A proof lasts, seconds",
        kind: "whole",
        show: (app) => String(app.session_max_age_seconds),
      },
      {
        name: "session_max_spend_usd",
        label: "A session spends at most, USD",
        hint: "empty: no cap",
        kind: "money",
        show: (app) => short(app.session_max_spend_usd),
      },
    ],
  },
  {
    title: "Spending limits",
    note: "in USD; empty: none of yours. The strictest of all that apply holds.",
    fields: [
      money("wallet_limits", "user_day_usd", "A user a day"),
      money("wallet_limits", "user_week_usd", "A user a week"),
      money("wallet_limits", "user_month_usd", "A user a month"),
      money("wallet_limits", "user_max_balance_usd", "A wallet holds at most"),
      money("wallet_limits", "app_day_usd", "All users a day"),
      money("wallet_limits", "app_month_usd", "All users a month"),
    ],
  },
  {
    title: "Rate limits",
    note: "a minute; empty: none of yours",
    fields: [
      rate("app_rpm", "Requests of the app"),
      rate("user_rpm", "Requests of a user"),
      rate("session_rpm", "Requests of a session"),
      rate("user_tpm", "Tokens of a user"),
      rate("user_concurrency", "Of a user at once"),
    ],
  },
  {
    title: "Contacts",
    fields: [
      { name: "support_url", label: "Support page", kind: "text", show: (app) => app.support_url ?? "" },
      {
        name: "support_email",
        label: "Support e-mail",
        kind: "text",
        show: (app) => app.support_email ?? "",
      },
      { name: "abuse_email", label: "Abuse e-mail", kind: "text", show: (app) => app.abuse_email ?? "" },
    ],
  },
];

const all = settingGroups.flatMap(({ fields }) => fields);
export const settingNames = all.map(({ name }) => name);

/**
 * What a PATCH must carry for the texts that differ from the app; what is nested is replaced whole, so its untouched
 * neighbours go along. A text that is no number where one is wanted goes as it is: the server says what is wrong.
 */
export function patchOf(app: AppItem, texts: ReadonlyMap<string, string>): Patch {
  const patch: Record<string, unknown> = {};
  for (const field of all) {
    const text = texts.get(field.name);
    if (text === undefined || text === field.show(app)) continue;
    const [top, inner] = field.name.split(".") as [string, string | undefined];
    if (inner === undefined) {
      patch[top] = meantBy(field, text);
      continue;
    }
    const whole = (patch[top] ?? nestedOf(app, top)) as Record<string, unknown>;
    const value = meantBy(field, text);
    const { [inner]: _, ...others } = whole;
    // An absent entry is none; only the issuer is cleared by its name.
    patch[top] = value === null && top !== "identity" ? others : { ...others, [inner]: value };
  }
  return patch as Patch;
}

function nestedOf(app: AppItem, name: string): Record<string, unknown> {
  if (name === "rate_limits") return app.rate_limits;
  if (name === "wallet_limits") return app.wallet_limits;
  return {};
}

function meantBy(field: SettingField, text: string): unknown {
  const trimmed = text.trim();
  if (field.kind === "lines") return trimmed === "" ? [] : trimmed.split(/\s*\n\s*/);
  if (trimmed === "" && field.name !== "name") return null;
  if (field.kind === "whole") return /^\d+$/.test(trimmed) ? Number(trimmed) : trimmed;
  if (field.kind === "percent") return percentToBps(trimmed) ?? trimmed;
  return trimmed;
}

/** `40`, `12.5` → basis points; `null` for what is no percentage with two decimals. */
export function percentToBps(text: string): number | null {
  const match = /^(\d{1,5})(?:\.(\d{1,2}))?$/.exec(text);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0")) : null;
}

/** `0.50000000` → `0.50`: as somebody would type it. */
function short(amountUsd: string | undefined): string {
  if (amountUsd === undefined) return "";
  const [whole, decimals = ""] = amountUsd.split(".");
  return `${whole}.${decimals.replace(/0+$/, "").padEnd(2, "0")}`;
}
