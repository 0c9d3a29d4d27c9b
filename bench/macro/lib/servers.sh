# What stands behind the tunnel. Sourced by bench/macro/run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # base, loadgen and others are set by the script that sources this one.

pg_pid=
pg_port=

# start_echo: the load generator's own server; sets target_port.
start_echo() {
  target_port=$(free_port)
  start server "$loadgen" serve --port "$target_port"
  wait_port "$target_port"
}

start_redis() {
  target_port=$(free_port)
  start server redis-server --bind 127.0.0.1 --port "$target_port" --save "" --appendonly no --dir "$base"
  wait_port "$target_port"
}

# start_pg: a private PostgreSQL cluster that outlives the peers' runs; sets pg_port.
start_pg() {
  have pgbench || fail "the test pg needs PostgreSQL and pgbench (tools/dependencies bench installs them)"
  local bin folder=$base/pg as=() i
  bin=$(pg_config --bindir 2> /dev/null) || true
  [ -x "$bin/initdb" ] || bin=$(dirname "$(find /usr/lib/postgresql -name initdb | sort | tail -n 1)")
  pg_port=$(free_port)
  mkdir -p "$folder"
  if [ "$EUID" = 0 ]; then
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
    chown postgres "$folder"
  fi
  (cd "$folder" && "${as[@]}" "$bin/initdb" -D "$folder/data" -A trust -U bench > "$base/initdb.log" 2>&1) ||
    fail "initdb: $(tail -n 2 "$base/initdb.log")"
  run_folder=$base
  start pg "${as[@]}" "$bin/postgres" -D "$folder/data" -p "$pg_port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c fsync=off -c ssl=off -c max_connections=200
  pg_pid=$last_pid
  unset "role_pids[pg]" # It belongs to no tunnel.
  for ((i = 0; i < 150; i++)); do
    if pg_isready -q -h 127.0.0.1 -p "$pg_port"; then break; fi
    sleep 0.1
  done
  pgbench -h 127.0.0.1 -p "$pg_port" -U bench -i -s 10 -q postgres > /dev/null 2>&1 ||
    fail "pgbench -i: $(tail -n 3 "$base/log/pg")"
}

stop_pg() {
  [ -n "$pg_pid" ] || return 0
  kill -INT "$pg_pid" 2> /dev/null || true # A fast shutdown.
  wait "$pg_pid" 2> /dev/null || true
}
