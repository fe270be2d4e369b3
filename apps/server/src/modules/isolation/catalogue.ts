// What the schema itself promises about every owned table, read from PostgreSQL's catalogue. A table is owned when it has a
// column that names an app, a developer, an end user or an owner.

export type CatalogueCheck = {
  name: string;
  /** Names of owned tables or views, and whether the promise is broken for each. `$1`: the tables that have a row check. */
  query: string;
};

/**
 * Their rows name owners of many kinds, or nobody, so no key can bind them; they are compared row by row instead. What a
 * request writes is bound by its end user's key: one more look-up per row would be paid by every request.
 */
const boundByComparison = "array['transfers', 'audit_logs', 'idempotency_keys']";

const ownedTables = `
  select c.oid, c.relname as name, c.relkind, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
    bool_or(o.attname = 'app_id') as has_app, bool_or(o.attname = 'developer_id') as has_developer
  from pg_class c join pg_attribute o on o.attrelid = c.oid and not o.attisdropped
    and o.attname in ('app_id', 'developer_id', 'end_user_id', 'owner_id')
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
  group by c.oid`;

export const catalogueChecks: readonly CatalogueCheck[] = [
  {
    name: "row_security_is_forced",
    query: `select name, not (relrowsecurity and relforcerowsecurity) as broken from (${ownedTables}) t where relkind in ('r', 'p')`,
  },
  {
    // Each command has a policy, and each policy asks who is asking.
    name: "policies_ask_for_the_tenant",
    query: `select name, (select count(distinct p.polcmd) filter (where p.polcmd in ('r', 'a', 'w', 'd')) from pg_policy p
        where p.polrelid = t.oid) < 4
      or exists (select 1 from pg_policy p where p.polrelid = t.oid
        and pg_get_expr(coalesce(p.polqual, p.polwithcheck), p.polrelid) not like '%mf_%') as broken
      from (${ownedTables}) t where relkind in ('r', 'p') and not relispartition`,
  },
  {
    name: "keys_name_the_tenant",
    query: `select name, not exists (
        select 1 from pg_constraint k
        cross join lateral (select array_agg(a.attname::text) as names from pg_attribute a
          where a.attrelid = k.conrelid and a.attnum = any(k.conkey)) columns
        where k.conrelid = t.oid and k.contype = 'f'
          and (not has_app or columns.names && array['app_id', 'home_app_id'])
          and (not has_developer or columns.names @> array['developer_id'])) as broken
      from (${ownedTables}) t where relkind in ('r', 'p') and not relispartition and (has_app or has_developer)
        and name <> all (${boundByComparison})`,
  },
  {
    // A view with its owner's rights would show every tenant's rows to whoever may read it.
    name: "views_obey_row_security",
    query: `select name, not coalesce(reloptions @> array['security_invoker=true'], false) as broken
      from (${ownedTables}) t where relkind in ('v', 'm')`,
  },
  {
    // A view shows rows of tables, which are checked there.
    name: "every_owned_table_is_checked",
    query: `select name, name <> all ($1::text[]) as broken from (${ownedTables}) t
      where relkind in ('r', 'p') and not relispartition`,
  },
];
