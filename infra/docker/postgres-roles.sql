-- The three roles of the servers and their database, made once in a new cluster: none of them bypasses row security.
\getenv owner_password MF_OWNER_PASSWORD
\getenv runtime_password MF_RUNTIME_PASSWORD
\getenv read_password MF_READ_PASSWORD
create role mf_owner login nobypassrls password :'owner_password';
create role mf_runtime login nobypassrls password :'runtime_password';
create role mf_read login nobypassrls password :'read_password';
create database modelfaucet owner mf_owner;
