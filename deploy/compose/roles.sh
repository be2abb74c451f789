#!/bin/sh
# The database's roles, as docs/operations.md explains them. Runs once, in the database's container, on an empty volume.
# Later changes of a password: ALTER ROLE ... PASSWORD, then the same in .env.
set -eu
psql -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres \
  -v owner="$OWNER_PASSWORD" -v engine="$ENGINE_PASSWORD" -v api="$API_PASSWORD" -v reader="$READER_PASSWORD" <<'SQL'
CREATE ROLE carebed_owner LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB PASSWORD :'owner';
CREATE ROLE carebed_engine LOGIN NOSUPERUSER BYPASSRLS PASSWORD :'engine';
CREATE ROLE carebed_api LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'api';
CREATE ROLE carebed_reader LOGIN NOSUPERUSER BYPASSRLS PASSWORD :'reader';
ALTER ROLE carebed_reader SET default_transaction_read_only = on;
CREATE DATABASE carebed OWNER carebed_owner;
SQL
