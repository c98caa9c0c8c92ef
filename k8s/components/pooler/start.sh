# The list of users has the password, so it is made in memory.
set -eu
umask 077
printf '"concierge_users" "%s"\n' "$DB_PASSWORD" > /run/pgbouncer/users.txt
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
