#!/bin/sh
# Makes the user with the address that is the argument an administrator, and prints the line of the audit log; fails if nobody has
# the address. Needs psql, and PGHOST and its like for the owner of the database.
set -eu
line=$(psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=on --set=email="$1" <<'SQL'
SELECT make_administrator(:'email');
SQL
)
echo "$line"
case $line in
    *'"result": "unknown"'*)
        echo "nobody has signed up with this address" >&2
        exit 1
        ;;
esac
