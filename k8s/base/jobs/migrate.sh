#!/bin/sh
# Applies the numbered SQL files of a folder, each exactly once, and makes the role of the service users. It keeps the same rules,
# table and lock as `cargo xtask migrate` (instruments/dev-servers/src/migrations.rs), so that either can go on where the other ended:
# each file in one transaction with its row in `schema_migrations`, unless its first line says that it is in none; a file that changed
# after it was applied is an error; two runners at once are no harm; who wants to use a table waits half a second for a migration of it.
#
# Needs psql 15, PGHOST and its like for the owner, DB_PASSWORD for the role. The folder is the argument.
set -eu
dir=$1
umask 077
script=$(mktemp)
trap 'rm -f "$script"' EXIT

fail() {
    echo "$*" >&2
    exit 1
}

# Which files there are: NNNN_name.sql, from 1 without gaps.
files=$(cd "$dir" && ls | grep '\.sql$' | sort -t_ -k1,1n || true)
expected=1
for file in $files; do
    echo "$file" | grep -Eq '^[0-9]{4,9}_[A-Za-z0-9_.-]+\.sql$' || fail "$file is not called like a migration: NNNN_name.sql"
    version=$(echo "${file%%_*}" | sed 's/^0*//')
    [ "${version:-0}" -ge "$expected" ] || fail "$file has the number of the file before it, or 0000"
    [ "$version" -eq "$expected" ] || fail "number $expected is missing: $file comes next in the folder"
    expected=$((expected + 1))
done

# All in one session, which holds the lock until it ends: the ASCII letters "concierg".
cat > "$script" <<'SQL'
\set QUIET on
\set VERBOSITY verbose
\set ON_ERROR_STOP on
\pset tuples_only on
\pset format unaligned
SET client_min_messages = warning;
SET lock_timeout = '60s';
\o /dev/null
SELECT pg_advisory_lock(7165066905418822247);
\o
RESET lock_timeout;
CREATE TABLE IF NOT EXISTS schema_migrations (
    version int PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TEMPORARY TABLE migration_files (version int, file text, checksum text);
SQL

for file in $files; do
    version=$(echo "${file%%_*}" | sed 's/^0*//')
    checksum=$(sha256sum "$dir/$file" | cut -d' ' -f1)
    echo "INSERT INTO migration_files VALUES ($version, '$file', '$checksum');" >> "$script"
done

cat >> "$script" <<'SQL'
DO $$
DECLARE
    place int := 0;
    applied record;
    given record;
BEGIN
    FOR applied IN SELECT version, name, checksum FROM schema_migrations ORDER BY version LOOP
        place := place + 1;
        SELECT file, checksum INTO given FROM migration_files WHERE version = place;
        IF NOT FOUND OR applied.version <> place THEN
            RAISE 'the database has migration %_%, for which there is no file: these files are older than the database',
                lpad(applied.version::text, 4, '0'), applied.name;
        ELSIF given.checksum <> applied.checksum THEN
            RAISE '% changed after it was applied: it is %, the database has %', given.file,
                left(given.checksum, 12), left(applied.checksum, 12);
        END IF;
    END LOOP;
END $$;
SQL

for file in $files; do
    version=$(echo "${file%%_*}" | sed 's/^0*//')
    name=${file#*_}
    name=${name%.sql}
    checksum=$(sha256sum "$dir/$file" | cut -d' ' -f1)
    if head -n 1 "$dir/$file" | grep -q '^-- Not in a transaction\.'; then
        cat >> "$script" <<SQL
SELECT NOT EXISTS (SELECT FROM schema_migrations WHERE version = $version) AS migration_is_due \\gset
\\if :migration_is_due
SET lock_timeout = '500ms';
\\i $dir/$file
RESET lock_timeout;
INSERT INTO public.schema_migrations (version, name, checksum) VALUES ($version, '$name', '$checksum');
\\echo applied $file
\\endif
SQL
        continue
    fi
    cat >> "$script" <<SQL
SELECT NOT EXISTS (SELECT FROM schema_migrations WHERE version = $version) AS migration_is_due \\gset
\\if :migration_is_due
BEGIN;
SET LOCAL lock_timeout = '500ms';
SELECT txid_current() AS migration_transaction \\gset
\\i $dir/$file
SELECT txid_current() = :migration_transaction AS migration_kept_its_transaction \\gset
\\if :migration_kept_its_transaction
\\else
\\warn '$file ends the transaction that it runs in: take BEGIN, COMMIT and ROLLBACK out of it'
SELECT 1 / 0;
\\endif
INSERT INTO public.schema_migrations (version, name, checksum) VALUES ($version, '$name', '$checksum');
COMMIT;
\\echo applied $file
\\endif
SQL
done

# The role. A superuser makes it, or gives it its password; a statement with the password in it is in no log, even if it fails.
# An owner who is none (CloudNativePG's) waits for the one who does.
#
# Its rights: rows of all tables and values of all sequences, also of those to come, and no more. The same grants as
# `grant_data_access` in instruments/dev-servers/src/postgres/client.rs.
cat >> "$script" <<'SQL'
\getenv role_password DB_PASSWORD
SELECT rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user \gset
\if :is_superuser
BEGIN;
SET LOCAL log_statement = 'none';
SET LOCAL log_min_error_statement = 'panic';
SET LOCAL log_min_duration_statement = -1;
SELECT format('%s ROLE concierge_users LOGIN PASSWORD %L',
    CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'concierge_users') THEN 'ALTER' ELSE 'CREATE' END,
    :'role_password') \gexec
COMMIT;
-- Spin hands on errors as text: the service knows them by the server's words, which have to be English.
ALTER ROLE concierge_users SET lc_messages = 'C';
-- What users asks for when it connects, and cannot through a pooler (db_url in spin.toml).
ALTER ROLE concierge_users SET statement_timeout = '4s';
ALTER ROLE concierge_users SET lock_timeout = '2s';
ALTER ROLE concierge_users SET idle_in_transaction_session_timeout = '5s';
\else
DO $$
BEGIN
    FOR tries IN 1..60 LOOP
        EXIT WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = 'concierge_users');
        PERFORM pg_sleep(2);
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'concierge_users') THEN
        RAISE 'there is no role concierge_users, and % may not make it: a superuser has to', current_user;
    END IF;
END $$;
\endif
BEGIN;
GRANT USAGE ON SCHEMA public TO concierge_users;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO concierge_users;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO concierge_users;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO concierge_users;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO concierge_users;
REVOKE INSERT, UPDATE, DELETE ON public.schema_migrations FROM concierge_users;
COMMIT;
SELECT count(*) || ' migrations are applied' FROM schema_migrations;
SQL

# The database may still be starting.
tries=0
until pg_isready --quiet --timeout=3; do
    tries=$((tries + 1))
    [ "$tries" -lt 60 ] || fail "the database does not answer"
    sleep 2
done

# A file that does not get the lock on a table is tried again; those before it are applied.
errors=$(mktemp)
trap 'rm -f "$script" "$errors"' EXIT
tries=0
while :; do
    status=0
    psql --no-psqlrc --no-password --file="$script" 2> "$errors" || status=$?
    if [ "$status" -eq 0 ] || [ "$tries" -ge 60 ] || ! grep -q 'ERROR:  55P03' "$errors"; then
        break
    fi
    tries=$((tries + 1))
    sleep 1
done
cat "$errors" >&2
exit "$status"
