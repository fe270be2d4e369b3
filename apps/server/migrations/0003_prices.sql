-- The price book: immutable versions, each holding whole models; the latest published version that names a model and is
-- effective gives its prices. What a version does not name stays at the price of the version before.

create table price_versions (
  version integer generated always as identity primary key,
  source text not null check (source in ('seed', 'litellm', 'csv', 'entries')),
  effective_from timestamptz not null,
  imported_by text not null,
  diff jsonb not null default '{}',
  created_at timestamptz not null default mf_now()
);
call mf_make_append_only('price_versions');

-- What a model is, beside its prices. Tokens.
create table priced_models (
  version integer not null references price_versions,
  provider text not null,
  model text not null,
  context_length integer not null check (context_length > 0),
  max_output_tokens integer not null check (max_output_tokens > 0),
  capabilities text[] not null default '{}',
  primary key (version, provider, model)
);
call mf_make_append_only('priced_models');

create table model_prices (
  version integer not null,
  provider text not null,
  model text not null,
  unit text not null check (unit in ('input', 'cached_input', 'cache_write', 'output', 'reasoning', 'request')),
  -- Prices of a tier hold for requests of more input tokens than this; 0 is the base.
  above_input_tokens integer not null default 0 check (above_input_tokens >= 0),
  price_per_million_usd numeric(20,8) not null check (price_per_million_usd >= 0),
  primary key (version, provider, model, unit, above_input_tokens),
  foreign key (version, provider, model) references priced_models
);
call mf_make_append_only('model_prices');

-- A version is in force once it has been published and its time has come.
create table price_publications (
  version integer primary key references price_versions,
  published_by text not null,
  reason text not null,
  published_at timestamptz not null default mf_now()
);
call mf_make_append_only('price_publications');
