#!/bin/sh
# Writes what the overlay needs beside minikube's secrets: the passwords of RabbitMQ's two users, unless they are there.
set -eu
here=$(dirname "$0")
sh "$here/../minikube/make-secrets.sh"
if [ -e "$here/secrets.env" ]; then
    echo "$here/secrets.env is there already; it is left as it is"
    exit 0
fi
umask 077
# Hexadecimal digits need no encoding where they become part of a URL.
consumer=$(openssl rand -hex 32)
publisher=$(openssl rand -hex 32)
printf 'username=consumer\npassword=%s\n' "$consumer" > "$here/consumer.env"
printf 'username=publisher\npassword=%s\n' "$publisher" > "$here/publisher.env"
# Last, for it says that the others are there.
printf 'amqp_url=amqp://consumer:%s@rabbitmq:5672/%%2f\nmqtt_password=%s\n' "$consumer" "$publisher" > "$here/secrets.env"
echo "$here/secrets.env is made"
