#!/bin/sh
# Writes secrets.env beside it, with fresh random values; if it is there, adds what is missing. Keep the file: without this pepper no password that
# was set with it can be verified, and the database keeps the owner's password that it was made with.
set -eu
file=$(dirname "$0")/secrets.env
umask 077
if [ -e "$file" ]; then
    # What a later version asks for is added; what is there stays as it is.
    for name in auth_credential scheduler_credential operator_credential metrics_credential; do
        grep -q "^$name=" "$file" || printf '%s=%s\n' "$name" "$(openssl rand -hex 32)" >> "$file"
    done
    for name in account_cookie_keys console_cookie_keys; do
        grep -q "^$name=" "$file" || printf '%s=1:%s\n' "$name" "$(openssl rand -hex 32)" >> "$file"
    done
    echo "$file is there already; its values are left as they are"
    exit 0
fi
redis_password=$(openssl rand -hex 32)
token_signing_key=$(openssl rand -hex 32)
# The public key that goes with it, as a JSON Web Key (RFC 8037): the last 32 bytes of what OpenSSL writes, in base64url. The
# bytes before the seed are the frame of an Ed25519 key in PKCS #8 (RFC 8410).
token_public_key=$(
    for byte in $(printf %s "302e020100300506032b657004220420$token_signing_key" | sed 's/../& /g'); do
        printf "\\$(printf %03o "0x$byte")"
    done | openssl pkey -inform DER -pubout -outform DER | tail -c 32 | openssl base64 -A | tr '+/' '-_' | tr -d '='
)
if [ ${#token_public_key} -ne 43 ]; then
    echo "openssl makes no Ed25519 key: version 1.1.1 or later is needed" >&2
    exit 1
fi
# Hexadecimal digits need no encoding where they become part of a URL.
cat > "$file" <<SECRETS
db_owner_password=$(openssl rand -hex 32)
db_password=$(openssl rand -hex 32)
redis_password=$redis_password
redis_credentials=:$redis_password@
redis_url=redis://:$redis_password@redis-cluster-ip-service:6379
auth_credential=$(openssl rand -hex 32)
scheduler_credential=$(openssl rand -hex 32)
operator_credential=$(openssl rand -hex 32)
metrics_credential=$(openssl rand -hex 32)
password_pepper=$(openssl rand -hex 32)
token_signing_key=$token_signing_key
refresh_token_key=$(openssl rand -hex 32)
account_cookie_keys=1:$(openssl rand -hex 32)
console_cookie_keys=1:$(openssl rand -hex 32)
token_public_keys={"keys":[{"kty":"OKP","crv":"Ed25519","x":"$token_public_key"}]}
SECRETS
echo "$file is made"
