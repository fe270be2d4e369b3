import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { showExactTime } from "../../format/time.ts";
import type { AlertItem } from "./alerts-query.ts";

type Value = AlertItem["details"][string];

/** What the rule saw, name by name; a wallet leads to its page. */
export function AlertDetails({ alert: { rule, details } }: { alert: AlertItem }) {
  const facts = Object.entries(details).filter(([, value]) => value !== null);
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 rounded-sm bg-sunken p-3 text-xs text-muted">
      {[["rule", rule] as const, ...facts].map(([name, value]) => (
        <div key={name} className="contents">
          <dt>{name.replaceAll("_", " ").replace(/ usd$/, ", USD")}</dt>
          <dd className="min-w-0 font-mono [overflow-wrap:anywhere] text-text">{shown(name, value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function shown(name: string, value: Value): ReactNode {
  if (Array.isArray(value)) {
    return value.map((each, index) => (
      // biome-ignore lint/suspicious/noArrayIndexKey: what a rule saw never changes places.
      <span key={index}>
        {index > 0 && ", "}
        {shown(name, each)}
      </span>
    ));
  }
  if (typeof value === "object" && value !== null) return JSON.stringify(value);
  const text = String(value);
  if (name === "wallet_ids") {
    return (
      <Link to="/operator/wallets/$walletId" params={{ walletId: text }} className="link">
        {text}
      </Link>
    );
  }
  return name.endsWith("_at") && !Number.isNaN(Date.parse(text)) ? showExactTime(text) : text;
}
