#!/bin/sh
# Whether a backup can be restored, tried: dumps the database, restores the dump into an empty one, and compares the two, table by
# table. PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE say which. The database goes on serving meanwhile. The copy is made
# beside it, or on the server of DRILL_HOST, DRILL_PORT, DRILL_USER and DRILL_PASSWORD, and removed at the end.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
copy=concierge_drill_$$
is_made=

# Runs a command on the copy.
on_copy() {
    PGHOST=${DRILL_HOST:-$PGHOST} PGPORT=${DRILL_PORT:-${PGPORT:-5432}} PGUSER=${DRILL_USER:-$PGUSER} \
        PGPASSWORD=${DRILL_PASSWORD:-${PGPASSWORD:-}} PGDATABASE=$copy "$@"
}

clean_up() {
    [ -z "$is_made" ] || on_copy dropdb --if-exists --force "$copy" || echo "the copy $copy is left behind" >&2
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# One transaction sees one state of the database, and lends it to pg_dump: what is written meanwhile is in neither.
export here work
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 > "$work/before" <<'SQL'
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
\! sh "$here/backup.sh" "$work/dump" >&2
\getenv here here
\set fingerprint :here '/fingerprint.sql'
\i :fingerprint
COMMIT;
SQL
[ -s "$work/dump" ] || { echo "nothing was dumped" >&2; exit 1; }

on_copy createdb --maintenance-db=postgres --template=template0 "$copy"
is_made=yes
on_copy sh "$here/restore.sh" "$work/dump" >&2
on_copy psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file="$here/fingerprint.sql" > "$work/after"

[ -s "$work/before" ] || { echo "the database has no tables" >&2; exit 1; }
if ! diff "$work/before" "$work/after" >&2; then
    echo "the restored database is not what was dumped: < is the original, > the copy" >&2
    exit 1
fi
awk -F'|' '{ printf "%-24s %10s  same\n", $1, $2 }' "$work/after"
echo "the dump ($(wc -c < "$work/dump") bytes) restores to the same content"
