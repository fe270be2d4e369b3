import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { plural } from "../../format/count.ts";
import { Card } from "../../ui/card.tsx";
import { Chip, type Tone } from "../../ui/chip.tsx";
import { Empty } from "../../ui/empty.tsx";
import { Skeleton } from "../../ui/skeleton.tsx";
import { checksQuery } from "../books/books-queries.ts";
import { checkWords } from "../books/check-words.ts";
import { healthOf } from "../providers/provider-words.tsx";
import { type Provider, providersQuery } from "../providers/providers-queries.ts";
import { appsQuery, developersQuery } from "../tenants/tenants-query.ts";
import { walletsQuery } from "../wallets/wallets-query.ts";

type Matter = { key: string; tone: Tone; word: string; text: ReactNode };

/** What is not as it should be, beside the alerts. */
export function Attention() {
  const matters = useMatters();
  return (
    <Card title="Needs attention" {...(matters?.length ? { note: matters.length } : {})}>
      {matters === null ? (
        <Skeleton rows={3} />
      ) : matters.length === 0 ? (
        <Empty title="Nothing does">
          Broken checks of the books, holds past their lease, failing providers, wallets in debt or frozen,
          and who is suspended are listed here.
        </Empty>
      ) : (
        <ul>
          {matters.map(({ key, tone, word, text }) => (
            <li key={key} className="flex min-h-11 items-start gap-3 border-t border-line px-4 py-2.5">
              <Chip tone={tone}>{word}</Chip>
              <span className="min-w-0 text-sm [overflow-wrap:anywhere]">{text}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

/** `null` until everything is known, or something is wrong already. What could not be read is no good news either. */
function useMatters(): Matter[] | null {
  const checks = useQuery(checksQuery());
  const indebted = useQuery(walletsQuery({ status: "debt" }));
  const frozen = useQuery(walletsQuery({ status: "frozen" }));
  const providers = useQuery(providersQuery());
  const apps = useQuery(appsQuery({ status: "suspended" }));
  const developers = useQuery(developersQuery({ status: "suspended" }));
  const asked = [checks, providers, indebted, frozen, developers, apps];
  const unread = asked.filter(({ data, isError }) => data === undefined && isError).length;
  const matters: Matter[] = [
    ...(unread === 0 ? [] : [notRead(unread)]),
    ...(checks.data?.items ?? []).filter(({ ok }) => !ok).map(brokenCheck),
    ...(providers.data?.items ?? []).flatMap(unhealthy),
    ...wallets("debt", "In debt", indebted.data),
    ...wallets("frozen", "Frozen", frozen.data),
    ...(developers.data?.items ?? []).map(({ id, name }) => ({
      ...suspended(id),
      text: (
        <Link to="/operator/developers/$developerId" params={{ developerId: id }} className="link">
          {name}
        </Link>
      ),
    })),
    ...(apps.data?.items ?? []).map(({ public_app_id: appId, name, suspended: why }) => ({
      ...suspended(appId),
      text: (
        <>
          <Link to="/operator/apps/$appId" params={{ appId }} className="link">
            {name}
          </Link>
          {why && `: ${why.reason}`}
        </>
      ),
    })),
  ];
  return matters.length === 0 && asked.some(({ isPending }) => isPending) ? null : matters;
}

const suspended = (key: string) => ({ key, tone: "bad" as const, word: "Suspended" });

function notRead(count: number): Matter {
  return {
    key: "not read",
    tone: "warn",
    word: "Not known",
    text: `${plural(count, "question")} could not be answered, so there may be more. Load the page again.`,
  };
}

function brokenCheck({ name, violations }: { name: string; violations: number }): Matter {
  return {
    key: name,
    tone: "bad",
    word: "Books",
    text: (
      <>
        <Link to="/operator/books" className="link">
          {checkWords(name).says}
        </Link>
        : not so for {plural(violations, "row")}
      </>
    ),
  };
}

function unhealthy(provider: Provider): Matter[] {
  const { word, tone, says } = healthOf(provider);
  if (tone !== "bad" && tone !== "warn") return [];
  return [
    {
      key: provider.provider,
      tone,
      word,
      text: (
        <>
          <Link to="/operator/providers/$provider" params={{ provider: provider.provider }} className="link">
            {provider.provider}
          </Link>
          : {says}
        </>
      ),
    },
  ];
}

function wallets(
  status: "debt" | "frozen",
  word: string,
  found: { items: readonly unknown[]; next_cursor: string | null } | undefined,
): Matter[] {
  if (!found || found.items.length === 0) return [];
  return [
    {
      key: status,
      tone: status === "debt" ? "bad" : "warn",
      word,
      text: (
        <Link to="/operator/wallets" search={{ status }} className="link">
          {found.next_cursor === null ? "" : "more than "}
          {plural(found.items.length, "wallet")}
        </Link>
      ),
    },
  ];
}
