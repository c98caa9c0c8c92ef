#!/bin/sh
# Reads a file of backup.sh into an empty database: `sh restore.sh FILE`. PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE say
# which; log in as the owner. All of it or nothing. Run the migrations afterwards: they bring it up to date and let users in.
set -eu
file=${1:?the file to read is missing: sh restore.sh FILE}
tables=$(psql --no-psqlrc --tuples-only --no-align --command="SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [ "$tables" -ne 0 ]; then
    echo "the database has $tables tables: restore into an empty one" >&2
    exit 1
fi
pg_restore --single-transaction --exit-on-error --no-owner --no-privileges --dbname="$PGDATABASE" "$file"
echo "$file is restored"
