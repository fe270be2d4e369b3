-- Operators find and list wallets by their id alone, newest first, whatever app they belong to.
create index wallets_by_id on wallets (id);
