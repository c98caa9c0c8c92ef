# `redis-cli` ends with 0 whatever the answer is; while the file is loaded that is LOADING.
test "$(REDISCLI_AUTH=$REDIS_PASSWORD redis-cli ping)" = PONG
