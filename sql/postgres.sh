#!/bin/sh
# Start PostgreSQL in its container with memory settings that follow the machine, as
# include/capacity.py does for the local stack; a test compares the two.
set -eu

memory_mb=$(awk '/^MemTotal:/ {print int($2 / 1024)}' "${MEMINFO:-/proc/meminfo}")
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || echo max)
if [ "$limit" != max ] && [ $((limit / 1048576)) -lt "$memory_mb" ]; then
    memory_mb=$((limit / 1048576))
fi

# share DIVISOR LOW HIGH: this part of the memory, within bounds
share() {
    value=$((memory_mb / $1))
    [ "$value" -ge "$2" ] || value=$2
    [ "$value" -le "$3" ] || value=$3
    echo "${value}MB"
}

exec docker-entrypoint.sh postgres -c max_connections=200 \
    -c shared_buffers="$(share 8 128 8192)" \
    -c effective_cache_size="$(share 2 512 65536)" \
    -c maintenance_work_mem="$(share 32 64 1024)" \
    -c work_mem="$(share 1024 4 64)" \
    -c max_wal_size="$(share 8 1024 4096)"
