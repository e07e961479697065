#!/bin/sh
# Redis in a container, as the local stack configures it: no process list shows the password.
exec redis-server - <<EOF
bind * -::*
port 6379
requirepass ${REDIS_PASSWORD:?}
dir /data
appendonly yes
save ""
EOF
