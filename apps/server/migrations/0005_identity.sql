-- A user token may allow several features and no others; the session keeps the list. Null: all of the app's.
alter table virtual_sessions add column features text[];
