import type { Tx } from "../../lib/db.ts";

export type ProviderRow = {
  name: string;
  baseUrl: string;
  status: "on" | "off";
  credentials: { id: string; sealed: string }[];
};

export async function readProviders(tx: Tx): Promise<ProviderRow[]> {
  const rows = await tx<
    { name: string; base_url: string; status: "on" | "off"; credentials: ProviderRow["credentials"] | null }[]
  >`
    select p.name, p.base_url, p.status,
      (select json_agg(json_build_object('id', c.id, 'sealed', c.sealed_secret) order by c.priority, c.created_at)
        from provider_credentials c where c.provider = p.name and c.owner_scope = 'platform' and c.status = 'active') as credentials
    from providers p order by p.priority, p.name`;
  return rows.map((row) => ({
    name: row.name,
    baseUrl: row.base_url.replace(/\/+$/, ""),
    status: row.status,
    credentials: row.credentials ?? [],
  }));
}
