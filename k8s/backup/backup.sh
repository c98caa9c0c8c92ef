#!/bin/sh
# Writes all of the database to a file, as it is at one moment: `sh backup.sh FILE`. PGHOST, PGPORT, PGUSER, PGPASSWORD and
# PGDATABASE say which; pg_dump has to be as new as the server. The file has everybody's data in it: only its owner can read it.
set -eu
file=${1:?the file to write is missing: sh backup.sh FILE}
if [ -e "$file" ]; then
    echo "$file is there already, and is not written over" >&2
    exit 1
fi
umask 077
# Owners and grants belong to an installation: the migrations make them anew after a restore.
pg_dump --format=custom --no-owner --no-privileges ${SNAPSHOT:+--snapshot="$SNAPSHOT"} --file="$file.part"
# Whoever finds a file by the right name finds a whole one.
pg_restore --list "$file.part" > /dev/null
mv "$file.part" "$file"
echo "$file is written"
