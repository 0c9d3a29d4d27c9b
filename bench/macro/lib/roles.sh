# Processes with roles, ports and where clients connect. Sourced by bench/macro/run.
# shellcheck shell=bash
# shellcheck disable=SC2154  # loadgen and run_folder are set by the script that sources this one.
#
#   role_pids     role -> "pid,pid": every process that was started belongs to a role
#   run_folder    private folder of one peer's run, removed at its end
#   local_port    where clients connect, set by the peer; local_host likewise

declare -A role_pids=()
last_pid=
local_host=127.0.0.1
local_port=

log() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }
fail() {
  log "FAIL: $*"
  exit 1
}

# have PROGRAM...: all of them are installed.
have() {
  local program
  for program; do command -v "$program" > /dev/null || return 1; done
}

free_port() { "$loadgen" port; }

last_words() { tail -qn 3 "$run_folder"/log/* 2> /dev/null | tr '\n' ' '; }

# start ROLE COMMAND...: a process in the background with a session of its own and its output in
# $run_folder/log/ROLE; it ends when this script dies.
start() {
  local role=$1
  shift
  mkdir -p "$run_folder/log"
  setsid setpriv --pdeathsig TERM "$@" >> "$run_folder/log/$role" 2>&1 < /dev/null &
  last_pid=$!
  role_pids[$role]+="${role_pids[$role]:+,}$last_pid"
}

# wait_port PORT: until something accepts on it, for 10 s.
wait_port() {
  local i
  for ((i = 0; i < 500; i++)); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then return 0; fi
    sleep 0.02
  done
  fail "nothing listens on port $1: $(last_words)"
}

# wait_listening PORT: as wait_port without connecting, for what would count the connection.
wait_listening() {
  local i
  for ((i = 0; i < 500; i++)); do
    if [ -n "$(ss -Hltn "sport = :$1")" ]; then return 0; fi
    sleep 0.02
  done
  fail "nothing listens on port $1: $(last_words)"
}

# wait_echo: until one byte makes it through the tunnel, for 15 s.
wait_echo() {
  local i
  for ((i = 0; i < 150; i++)); do
    if timeout 5 "$loadgen" idle --host "$local_host" --port "$local_port" --conns 1 --hold 0 \
      < /dev/null 2> /dev/null | grep -q '"alive":1'; then
      return 0
    fi
    sleep 0.1
  done
  fail "no echo through port $local_port: $(last_words)"
}

# slow_link PORT: sets REPLY to a port that leads to PORT, over an emulated link if WAN_MS or WAN_MBIT
# is set. (Not in a subshell: the link's process belongs to the run.)
slow_link() {
  REPLY=$1
  [ -n "${WAN_MS:-}${WAN_MBIT:-}" ] || return 0
  local port
  port=$(free_port)
  start wan "$loadgen" wan --port "$port" --to "$1" --ms "${WAN_MS:-0}" --mbit "${WAN_MBIT:-0}" \
    --queue-ms "${WAN_QUEUE_MS:-50}"
  wait_port "$port"
  REPLY=$port
}

end_role() {
  local pid i pids
  IFS=, read -r -a pids <<< "${role_pids[$1]}"
  for pid in "${pids[@]}"; do kill -TERM -- "-$pid" 2> /dev/null || true; done
  for pid in "${pids[@]}"; do
    for ((i = 0; i < 100; i++)); do
      kill -0 -- "-$pid" 2> /dev/null || break
      sleep 0.02
    done
    kill -KILL -- "-$pid" 2> /dev/null || true
    wait "$pid" 2> /dev/null || true
  done
  unset "role_pids[$1]"
}

end_all() {
  local role
  for role in client node relay wan server; do
    if [ -n "${role_pids[$role]:-}" ]; then end_role "$role"; fi
  done
}

# figures [--mem 1]: CPU and memory of every role so far, as JSON.
figures() {
  local roles=() role
  for role in "${!role_pids[@]}"; do roles+=("$role=${role_pids[$role]}"); done
  "$loadgen" proc "$@" "${roles[@]}"
}
