# Medians over the rounds of one run, as Markdown tables. Called by bench/macro/report.

def median:
  sort | if length == 0 then null
         elif length % 2 == 1 then .[length / 2 | floor]
         else (.[length / 2 - 1] + .[length / 2]) / 2 end;
def rounded($digits):
  if . == null then "-" elif type == "string" then .
  else (pow(10; $digits) as $p | . * $p | round / $p | tostring) end;
# The quiet records: those beside which other programs used few cores.
def quiet:
  . as $all
  | [$all[] | select((.foreign_s // 0) / (.result.secs // 2) <= $max_foreign)]
  | if length >= $keep then . else ($all | sort_by(.foreign_s // 0) | .[:$keep]) end;
def row: "| " + (map(tostring) | join(" | ")) + " |";
def table($head; $rows): ($head | row), ($head | map("---") | row), $rows[], "";
def gigabytes: .result.bytes / 1e9;

[inputs | select($name == "all" or .run == $name)] as $lines
| [$lines[] | select(.peer)] as $records
| ($records | reduce .[].peer as $p ([]; if index($p) then . else . + [$p] end)) as $peers
| ($records | group_by([.peer, .test])
   | map({key: (.[0].peer + " " + .[0].test), value: (map(select(.result.ok != false)) | quiet)})
   | from_entries) as $groups
| def of($p; $t): $groups[$p + " " + $t] // [];
  def middle($p; $t; f): [of($p; $t)[] | f | select(. != null)] | median;
  def any_of($t): any($records[]; .test | startswith($t));
  def ratio($x; $y): if $x == null or $y == null or $y == 0 then "-" else ($x / $y | rounded(3)) end;
  def cpu_per_gb($p; $t; f): middle($p; $t; (f) / gigabytes) | rounded(2);

  ($lines[] | select(.commit)
   | "Run \(.run), commit \(.commit), \(.build) build, \(.machine), \(.cores) cores, Linux \(.kernel), \(.compiler); "
     + "\(.rounds) rounds of \(.seconds) s, TCP \(.congestion). Medians; GB = 10^9 bytes.", ""),

  (if any_of("bulk_up") then
    "### Bulk throughput, MB/s; CPU seconds per GB", "",
    table(["peer", "up x1", "down x1", "up x32", "down x32", "up x1 / " + $base, "CPU-s/GB up x1: all", "relay",
           "CPU-s/GB down x1: all", "relay", "CPU-s/GB up x32: all", "relay", "n"];
      [$peers[] as $p | select(of($p; "bulk_up_1") | length > 0)
       | [$p] + [("bulk_up_1", "bulk_down_1", "bulk_up_32", "bulk_down_32")
                 | middle($p; .; .result.MBps) | rounded(0)]
         + [ratio(middle($p; "bulk_up_1"; .result.MBps); middle($base; "bulk_up_1"; .result.MBps))]
         + [("bulk_up_1", "bulk_down_1", "bulk_up_32") as $t
            | cpu_per_gb($p; $t; .cpu.total), cpu_per_gb($p; $t; .cpu.relay // 0)]
         + [of($p; "bulk_up_1") | length] | row])
   else empty end),

  (if any_of("bulk_legs") then
    "### What TLS in the relay did with bulk bytes, percent of those that it opened", "",
    table(["peer", "GB opened", "opened across two blocks", "copied to be opened", "sealed where opened", "copied to be sealed",
           "copied in all", "n"];
      [$peers[] as $p | of($p; "bulk_legs") as $mine | select($mine | length > 0)
       | def percent(f): middle($p; "bulk_legs"; 100 * (.result.legs | f) / .result.legs.opened) | rounded(2);
         [$p, (middle($p; "bulk_legs"; .result.legs.opened / 1e9) | rounded(2)), percent(.opened_apart),
          percent(.opened_copied), percent(.sealed_in_place), percent(.sealed_copied),
          percent(.opened_copied + .sealed_copied), ($mine | length)] | row])
   else empty end),

  (if any_of("syscalls") then
    "### System calls of one bulk stream: thousands per GB, and per 16 KiB; what io_uring completed", "",
    table(["peer", "way", "1000/GB: all", "client", "relay", "node", "per 16 KiB: all", "client", "relay", "node",
           "completions per 16 KiB: all", "relay", "n"];
      [$peers[] as $p | ("up", "down") as $way | ("syscalls_" + $way) as $t | select(of($p; $t) | length > 0)
       | def per($bytes; $role; f):
           middle($p; $t; ([.result.roles | if $role == "all" then .[] else .[$role] // empty end | f] | add) as $sum
                          | if $sum == null then null else $sum * $bytes / .result.bytes end);
         [$p, $way] + [("all", "client", "relay", "node") as $role | per(1e6; $role; .calls) | rounded(1)]
         + [("all", "client", "relay", "node") as $role | per(16384; $role; .calls) | rounded(2)]
         + [("all", "relay") as $role | per(16384; $role; .completions) | rounded(2)]
         + [of($p; $t) | length] | row])
   else empty end),

  (if any_of("ping_") then
    "### Round trip over one established stream, microseconds", "",
    table(["peer", "1 B p50", "p99", "p99.9", "1 KB p50", "p99", "p99.9", "p50 / " + $base, "n"];
      [$peers[] as $p | select(of($p; "ping_1") | length > 0)
       | [$p] + [("ping_1", "ping_1k") as $t
                 | (middle($p; $t; .result.p50_us), middle($p; $t; .result.p99_us), middle($p; $t; .result.p999_us))
                 | rounded(0)]
         + [ratio(middle($p; "ping_1"; .result.p50_us); middle($base; "ping_1"; .result.p50_us)),
            (of($p; "ping_1") | length)] | row])
   else empty end),

  (if any_of("pingload") then
    "### 1-byte round trip while a bulk stream shares the tunnel, milliseconds", "",
    table(["peer", "bulk up: p50", "p99", "p99.9", "bulk MB/s", "bulk down: p50", "p99", "p99.9", "bulk MB/s", "n"];
      [$peers[] as $p | select(of($p; "pingload_up") | length > 0)
       | [$p] + [("pingload_up", "pingload_down") as $t
                 | (middle($p; $t; .result.p50_us / 1000) | rounded(2)),
                   (middle($p; $t; .result.p99_us / 1000) | rounded(2)),
                   (middle($p; $t; .result.p999_us / 1000) | rounded(1)),
                   (middle($p; $t + "_bulk"; .result.MBps) | rounded(0))]
         + [of($p; "pingload_up") | length] | row])
   else empty end),

  (if any_of("conn_") then
    "### New connections through the tunnel: connect, echo of one byte, close", "",
    table(["peer", "1 at a time: conn/s", "p50 ms", "p99 ms", "64 at a time: conn/s", "p50 ms", "p99 ms",
           "CPU ms/conn (64)", "relay CPU ms/conn", "errors", "n"];
      [$peers[] as $p | select(of($p; "conn_1") + of($p; "conn_64") | length > 0)
       | [$p] + [(["conn_1", 2], ["conn_64", 1]) as [$t, $digits]
                 | (middle($p; $t; .result.conns_per_s) | rounded(0)),
                   (middle($p; $t; .result.p50_us / 1000) | rounded($digits)),
                   (middle($p; $t; .result.p99_us / 1000) | rounded($digits))]
         + [(middle($p; "conn_64"; .cpu.total * 1000 / .result.n) | rounded(3)),
            (middle($p; "conn_64"; (.cpu.relay // 0) * 1000 / .result.n) | rounded(3)),
            ([$records[] | select(.peer == $p and (.test | startswith("conn_"))) | .result.errors + .result.stuck]
             | add),
            (of($p; "conn_1") | length)] | row])
   else empty end),

  (if any_of("mem_") then
    "### Memory per idle forwarded connection, KB: PSS of each, and the kernel for all programs together", "",
    table(["peer", "connections", "relay", "client", "node", "kernel", "relay total MB", "relay processes", "opened in s", "n"];
      [$peers[] as $p | [$records[] | select(.peer == $p and (.test | startswith("mem_")))] as $mine
       | select($mine | length > 0)
       | def q(f): [$mine[] | f | select(. != null)] | median;
         [$p, q(.result.conns)]
         + [("relay", "client", "node") as $role | q(.result.roles[$role].pss_kb_per_conn) | rounded(1)]
         + [(q(.result.kernel_kb_per_conn) | rounded(1)), (q((.result.roles.relay.pss_kb // 0) / 1024) | rounded(1)),
            (q(.result.roles.relay.procs) | rounded(0)), (q(.result.opened_in_s) | rounded(2)),
            ($mine | length)] | row])
   else empty end),

  (if any_of("pg_") or any_of("redis_") then
    "### pgbench -S and redis-benchmark -P 16", "",
    table(["peer", "pgbench tps", "latency ms", "tps / " + $base, "redis SET/s", "redis GET/s", "GET / " + $base, "n"];
      [$peers[] as $p | (of($p; "pg_select") + of($p; "redis_p16")) as $mine | select($mine | length > 0)
       | [$p, (middle($p; "pg_select"; .result.tps) | rounded(0)),
          (middle($p; "pg_select"; .result.lat_ms) | rounded(2)),
          ratio(middle($p; "pg_select"; .result.tps); middle($base; "pg_select"; .result.tps)),
          (middle($p; "redis_p16"; .result.set_rps) | rounded(0)),
          (middle($p; "redis_p16"; .result.get_rps) | rounded(0)),
          ratio(middle($p; "redis_p16"; .result.get_rps); middle($base; "redis_p16"; .result.get_rps)),
          ($mine | length)] | row])
   else empty end),

  (if any_of("startup") then
    "### Start of the client until the first byte through its port, ms", "",
    table(["peer", "listens", "first byte", "min", "max", "n"];
      [$peers[] as $p | of($p; "startup") as $mine | select($mine | length > 0)
       | [$p, (middle($p; "startup"; .result.listen_ms) | rounded(1)),
          (middle($p; "startup"; .result.first_byte_ms) | rounded(1)),
          ([$mine[].result.first_byte_ms] | min), ([$mine[].result.first_byte_ms] | max),
          ($mine | length)] | row])
   else empty end),

  (if any_of("shell_") then
    "### A command and a terminal on the node, ms", "",
    table(["peer", "command: first byte", "min", "echo of a typed character p50", "p99", "n"];
      [$peers[] as $p | of($p; "shell_login") as $mine | select($mine | length > 0)
       | [$p, (middle($p; "shell_login"; .result.first_byte_ms) | rounded(1)),
          ([$mine[].result.first_byte_ms] | min),
          (middle($p; "shell_echo"; .result.p50_us / 1000) | rounded(2)),
          (middle($p; "shell_echo"; .result.p99_us / 1000) | rounded(2)), ($mine | length)] | row])
   else empty end),

  ([$records[] | select(.result.ok == false)] | group_by([.peer, .test])
   | map("\(.[0].peer) \(.[0].test): \(length)")
   | if length > 0 then "Failed measurements: " + join(", ") else empty end)
