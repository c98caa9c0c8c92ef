#!/bin/sh
# Writes secrets.env beside it, with fresh random values, unless it is there. Keep the file: without this pepper no password that
# was set with it can be verified, and the database keeps the owner's password that it was made with.
set -eu
file=$(dirname "$0")/secrets.env
if [ -e "$file" ]; then
    echo "$file is there already; it is left as it is"
    exit 0
fi
umask 077
redis_password=$(openssl rand -hex 32)
# Hexadecimal digits need no encoding where they become part of a URL.
cat > "$file" <<SECRETS
db_owner_password=$(openssl rand -hex 32)
db_password=$(openssl rand -hex 32)
redis_password=$redis_password
redis_credentials=:$redis_password@
redis_url=redis://:$redis_password@redis-cluster-ip-service:6379
service_token=$(openssl rand -hex 32)
password_pepper=$(openssl rand -hex 32)
token_signing_key=$(openssl rand -hex 32)
SECRETS
echo "$file is made"
