# The tests: each makes records of what went through the tunnel that is up. Sourced by bench/macro/run.
# shellcheck shell=bash
# shellcheck disable=SC2154  # peer, seconds and others are set by the script that sources this one.

# record TEST RESULT [FIGURES-BEFORE FIGURES-AFTER]: one line of the results, with the CPU seconds of
# every role and of whatever else ran on the machine meanwhile (foreign_s).
record() {
  local nothing='{}'
  jq -cn --arg peer "$peer" --arg test "$1" --argjson round "$round" --arg run "$run_name" \
    --argjson result "${2:-null}" --argjson before "${3:-$nothing}" --argjson after "${4:-$nothing}" \
    --arg wan "${WAN_MS:-}${WAN_MBIT:+/$WAN_MBIT}" '
    def used($role): ($after[$role].cpu_s // 0) - ($before[$role].cpu_s // 0);
    ($after | keys | map(select(. != "machine" and . != "server" and . != "wan"))) as $roles
    | {run: $run, peer: $peer, test: $test, round: $round, result: $result,
       cpu: ($roles | map({(.): used(.)}) | add // {}),
       foreign_s: (if ($after | has("machine")) then
           ($after.machine.busy_s - $before.machine.busy_s)
           - ([$after | keys[] | select(. != "machine") | used(.)] | add // 0)
           - ($result.loadgen_cpu_s // 0)
         else null end)}
    | if $wan != "" then . + {wan: $wan} else . end
    | (.cpu | add // 0) as $sum | .cpu.total = $sum' >> "$out"
}

# measure TEST MODE OPTIONS...: one run of the load generator with the figures of all roles around it.
measure() {
  local test=$1 before after result
  shift
  before=$(figures)
  result=$(timeout $((seconds + 45)) "$loadgen" "$@" --host "$local_host" --port "$local_port" \
    < /dev/null 2>> "$base/errors") || true
  after=$(figures)
  record "$test" "${result:-{\"ok\":false\}}" "$before" "$after"
}

test_bulk() {
  local direction streams
  for streams in 1 32; do
    for direction in up down; do
      measure "bulk_${direction}_$streams" bulk --dir "$direction" --streams "$streams" --secs "$seconds"
    done
  done
}

# bulk_legs: a stream each way in a tunnel of its own, then what the relay says at its end that the TLS of its
# legs did with the bytes. For peers with peer_legs, which prints that as JSON; the tunnel is down afterwards.
bulk_legs() {
  local direction results="" role legs
  for direction in up down; do
    results+=$(timeout $((seconds + 45)) "$loadgen" bulk --dir "$direction" --streams 1 --secs "$seconds" \
      --host "$local_host" --port "$local_port" < /dev/null 2>> "$base/errors") || true
  done
  for role in client node relay; do end_role "$role"; done
  legs=$(peer_legs)
  [ "$legs" != '{}' ] || { log "the relay of $peer does not say what its TLS did" && return 0; }
  record bulk_legs "$(jq -cs --argjson legs "$legs" \
    '{ok: (length == 2 and all(.[]; .ok)), bytes: (map(.bytes) | add), legs: $legs}' <<< "$results")"
}

# System calls that each role makes for a bulk stream. Apart from bulk, whose figures counting would change.
test_syscalls() {
  local direction
  can_count raw_syscalls:sys_enter || {
    log "no system calls of $peer are counted: perf or the right to use its tracepoints is missing"
    return 0
  }
  for direction in up down; do count_calls "$direction"; done
}

can_count() { perf stat -e "$1" true > /dev/null 2>&1; }

# count_calls DIRECTION: one bulk stream, with a perf beside each role until it ends. What io_uring has
# completed is counted too, since one call there submits and awaits many operations.
count_calls() {
  local direction=$1 events=raw_syscalls:sys_enter role result counters=() counts='{}'
  if can_count io_uring:io_uring_complete; then events+=,io_uring:io_uring_complete; fi
  for role in client relay node; do
    [ -n "${role_pids[$role]:-}" ] || continue
    perf stat -x ' ' -e "$events" -o "$run_folder/calls.$role" -p "$(tree_of "${role_pids[$role]}")" \
      > /dev/null 2>> "$base/errors" &
    counters+=($!)
  done
  sleep 0.3 # Until they count.
  result=$(timeout $((seconds + 45)) "$loadgen" bulk --dir "$direction" --streams 1 --secs "$seconds" \
    --host "$local_host" --port "$local_port" < /dev/null 2>> "$base/errors") || true
  if ((${#counters[@]})); then
    kill -INT "${counters[@]}" 2> /dev/null || true
    wait "${counters[@]}" || true # It ends by the signal.
  fi
  for role in client relay node; do
    [ -s "$run_folder/calls.$role" ] || continue
    counts=$(awk -v role="$role" '$2 ~ /sys_enter/ { calls = $1 } $2 ~ /uring/ { done = $1 }
      END { printf "{\"%s\":{\"calls\":%d,\"completions\":%d}}", role, calls, done }' \
      "$run_folder/calls.$role" | jq -c --argjson others "$counts" '$others + .')
  done
  record "syscalls_$direction" "$(jq -c --argjson roles "$counts" '. + {roles: $roles}' \
    <<< "${result:-{\"ok\":false\}}")"
}

# tree_of PID,PID: these processes and all below them, in the same form.
tree_of() {
  ps -e -o pid=,ppid= | awk -v roots="$1" '
    { parent[$1] = $2 }
    END {
      count = split(roots, root, ",")
      for (i = 1; i <= count; ++i) if (root[i] in parent) inside[root[i]] = 1
      do {
        grown = 0
        for (pid in parent) if (!(pid in inside) && (parent[pid] in inside)) grown = inside[pid] = 1
      } while (grown)
      for (pid in inside) list = list (list == "" ? "" : ",") pid
      print list
    }'
}

test_ping() {
  measure ping_1 pingpong --size 1 --secs "$seconds"
  measure ping_1k pingpong --size 1024 --secs "$seconds"
}

# One-byte round trips while a bulk stream shares the tunnel.
test_pingload() {
  local direction bulk
  for direction in up down; do
    timeout 60 "$loadgen" bulk --dir "$direction" --secs $((seconds + 2)) --host "$local_host" \
      --port "$local_port" < /dev/null > "$run_folder/bulk.json" 2>> "$base/errors" &
    bulk=$!
    sleep 0.7
    measure "pingload_$direction" pingpong --size 1 --secs "$seconds"
    wait "$bulk" || true
    record "pingload_${direction}_bulk" "$(cat "$run_folder/bulk.json")"
  done
}

test_conn() {
  measure conn_1 connrate --conc 1 --secs "$seconds"
  measure conn_64 connrate --conc 64 --secs "$seconds"
}

# kernel_memory: what the kernel of the whole machine holds that grows with connections, in KB: objects of
# all slabs, stacks of threads, page tables. Left out is what moves for other reasons: files, and what closed
# connections leave behind for a minute. Null without the right to look.
kernel_memory() {
  [ -r /proc/slabinfo ] || { echo null && return; }
  awk 'FILENAME ~ /meminfo/ { if (/^(KernelStack|PageTables):/) kb += $2; next }
    FNR <= 2 || $1 ~ /^(tw_sock_|tcp_bind|buffer_head|radix_tree_node)/ { next }
    $1 ~ /inode_cache/ && $1 != "sock_inode_cache" { next }
    { kb += $2 * $4 / 1024 }
    END { printf "%d\n", kb }' /proc/slabinfo /proc/meminfo
}

# Memory of each role per idle forwarded connection, and the kernel's for all of them.
test_mem() {
  local count=${BENCH_IDLE:-400} before after kernel_before kernel_after pid i hold=$run_folder/hold
  mkfifo "$hold"
  sleep 0.5
  before=$(figures --mem 1)
  kernel_before=$(kernel_memory)
  timeout 120 "$loadgen" idle --host "$local_host" --port "$local_port" --conns "$count" --hold 90 \
    < "$hold" > "$run_folder/idle.json" 2>> "$base/errors" &
  pid=$!
  exec 8> "$hold"
  for ((i = 0; i < 900; i++)); do
    if grep -q ready "$run_folder/idle.json" 2> /dev/null; then break; fi
    sleep 0.1
  done
  sleep 1
  kernel_after=$(kernel_memory)
  after=$(figures --mem 1)
  exec 8>&-
  wait "$pid" || true
  record "mem_$count" "$(jq -cn --argjson before "$before" --argjson after "$after" \
    --argjson kernel_before "$kernel_before" --argjson kernel_after "$kernel_after" \
    --slurpfile idle "$run_folder/idle.json" '
    ($idle[0].conns // 0) as $conns
    | {ok: (($idle[1].alive // 0) == $conns and $conns > 0 and ($idle[0].failed // 1) == 0),
       conns: $conns, alive: ($idle[1].alive // 0), opened_in_s: ($idle[0].secs // null),
       kernel_kb_per_conn: (if $kernel_before == null then null
         else ($kernel_after - $kernel_before) / ([$conns, 1] | max) end),
       roles: ($after | to_entries | map(select(.key != "machine" and .key != "server") | .key as $role
         | {($role): {pss0_kb: $before[$role].pss_kb, pss_kb: .value.pss_kb,
                      procs: .value.procs, threads: .value.threads,
                      pss_kb_per_conn: ((.value.pss_kb - $before[$role].pss_kb) / ([$conns, 1] | max))}})
         | add // {})}')"
}

# Start of the client: until the first byte comes back through its port.
test_startup() {
  ((${#client_command[@]})) || return 0
  end_role client
  local i
  for ((i = 0; i < ${BENCH_STARTS:-5}; i++)); do
    record startup "$(timeout 30 "$loadgen" startup --host "$local_host" --port "$local_port" \
      -- "${client_command[@]}" 2>> "$base/errors")"
    sleep 0.2
  done
  start client "${client_command[@]}"
  wait_listening "$local_port"
  wait_echo
}

# A command on the node, and the echo of typed characters, by the peer's own way to a shell.
test_shell() {
  declare -F peer_shell > /dev/null || return 0
  peer_shell
  local i
  for ((i = 0; i < ${BENCH_STARTS:-5}; i++)); do
    record shell_login "$(timeout 30 "$loadgen" firstbyte -- "${exec_command[@]}" 'echo hi' 2>> "$base/errors")"
  done
  record shell_echo "$(timeout 60 "$loadgen" ptyecho --count "${BENCH_KEYS:-300}" \
    -- "${terminal_command[@]}" 'echo READY; exec cat' 2>> "$base/errors")"
}

# pgbench -S; the client's port leads to PostgreSQL.
test_pg() {
  local before after output
  before=$(figures)
  output=$(timeout 60 pgbench -h "$local_host" -p "$local_port" -U bench -S -c "${BENCH_PG_CLIENTS:-8}" -j 2 \
    -T "$seconds" postgres 2>> "$base/errors") || true
  after=$(figures)
  record pg_select "$(awk '/^tps =/ { tps = $3 } /latency average/ { latency = $4 }
    END { printf "{\"ok\":%s,\"tps\":%.1f,\"lat_ms\":%.3f}", (tps > 0 ? "true" : "false"), tps, latency }' \
    <<< "$output")" "$before" "$after"
}

# redis-benchmark; the client's port leads to Redis.
test_redis() {
  local before after output
  before=$(figures)
  output=$(timeout 90 redis-benchmark -h "$local_host" -p "$local_port" -P 16 -c 50 \
    -n "${BENCH_REDIS_N:-200000}" -t set,get --csv 2>> "$base/errors") || true
  after=$(figures)
  record redis_p16 "$(awk -F'","|"' '$2 == "SET" { set = $3 } $2 == "GET" { get = $3 }
    END { printf "{\"ok\":%s,\"set_rps\":%.0f,\"get_rps\":%.0f}", (get > 0 ? "true" : "false"), set, get }' \
    <<< "$output")" "$before" "$after"
}
