# The tests of tools/test --long: at full size, each result a line of bench/results/long.jsonl.
# Sourced by tools/test, whose functions it uses.

long_tests=(asan tsan fuzz e2e bench policy crash path siege soak gateway mutations)
declare -A about_long=(
  [asan]="unit, contract, sim and fuzz inputs with AddressSanitizer and UndefinedBehaviorSanitizer"
  [tsan]="unit, contract and sim with ThreadSanitizer"
  [fuzz]="every fuzz target for FUZZ_SECONDS (300) of CPU, on a corpus that grows in build/fuzz-corpus; coverage to tests/fuzz/coverage.md"
  [e2e]="the real programs at full size, on both backends"
  [bench]="every micro benchmark at full length, in preset release"
  [crash]="the relay killed at 200 random moments under load, on both backends: no answered call is lost, the chain is whole"
  [siege]="a session through 50 kills of the relay, cut links, new addresses, a stopped client, a half-open proxy: 1 GiB, each byte once"
  [soak]="SOAK_SECONDS (3600) of sessions and disturbances at random: memory, descriptors and threads stay flat"
  [gateway]="500 sessions of AWS clients at once for GATEWAY_SECONDS (600): relay and agent stay flat"
  [mutations]="bugs planted one by one: which seed of the simulator and of the multiplexer's tests finds each"
  [path]="one forward beside raw TCP at 20, 100 and 300 ms, with and without lost packets; figures to bench/results/path.jsonl"
  [policy]="policies against the npm package iam-simulate: makes the cases of tests/data anew and replays them"
)

# Each long_NAME leaves a JSON object with what it saw in this file.
long_details=build/long-details.json

count_cases() {
  local preset=$1
  shift
  local label
  for label in "$@"; do cat "build/$preset/counts/$label"/*.xml 2> /dev/null || true; done |
    awk -F'"' '/^<testsuites/ { programs++; cases += $2 }
               END { printf "{\"programs\": %d, \"cases\": %d}\n", programs, cases }' > "$long_details"
}

run_sanitized() {
  local preset=$1 label
  shift
  tools/dependencies test
  configure_and_build "$preset"
  for label in "$@"; do run_label "$preset" "$label" "$jobs"; done
  count_cases "$preset" "$@"
}

long_asan() {
  export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  run_sanitized asan unit contract sim fuzz
}

long_tsan() {
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
  # Newer kernels spread mappings over more bits than g++ 12's ThreadSanitizer expects.
  if setarch -R true 2> /dev/null; then ctest() { setarch -R ctest "$@"; }; fi
  run_sanitized tsan unit contract sim
}

# FUZZ_TARGETS names some of them; those that ran longest ago come first. FUZZ_JOBS says how many at a time. FUZZ_SECONDS=0
# only counts lines.
long_fuzz() {
  tools/dependencies fuzz
  cmake --preset fuzz > build/fuzz.configure.log 2>&1 || { cat build/fuzz.configure.log; return 1; }
  local targets target results=build/fuzz-results.jsonl lines=build/fuzz-lines.jsonl
  targets=${FUZZ_TARGETS:-$(ninja -C build/fuzz -t targets all | sed -n '/^cmake_/d; s/^\([a-z0-9_]*\)_fuzz: phony$/\1/p')}
  [ -n "$targets" ] || { echo "there is no fuzz target"; return 1; }
  # shellcheck disable=SC2086
  configure_and_build fuzz $(printf '%s_fuzz ' $targets)
  mkdir -p build/fuzz-artifacts
  : > "$results"
  if [ "${FUZZ_SECONDS:-300}" != 0 ]; then
    for target in $targets; do
      echo "$(stat -c %Y "build/fuzz-artifacts/$target.log" 2> /dev/null || echo 0) build/fuzz/tests/fuzz/${target}_fuzz"
    done | sort -s -n -k 1,1 | cut -d ' ' -f 2 |
      xargs -I {} -P "${FUZZ_JOBS:-$jobs}" python3 tools/lib/fuzz_target.py {} "${FUZZ_SECONDS:-300}" | tee "$results"
  fi
  # shellcheck disable=SC2086
  python3 tools/lib/fuzz_coverage.py $targets | tee "$lines"
  python3 tools/lib/fuzz_table.py "$results" "$lines" tests/fuzz/coverage.md
  python3 -c 'import json, sys
print(json.dumps({result.pop("name"): result for result in map(json.loads, sys.stdin)}))' < "$results" > "$long_details"
  ! grep -qv '"exit": 0,' "$results"
}

long_e2e() {
  tools/dependencies e2e
  configure_and_build release adit adit-agent adit-relay session-manager-plugin malloc_count disk_errors wall_clock_shift
  export ADIT_BIN=$PWD/build/release/bin
  tests/e2e/run --full | tee build/e2e.log
  printf '{"last_line": %s}\n' "$(tail -n 1 build/e2e.log | python3 -c 'import json, sys; print(json.dumps(sys.stdin.read().strip()))')" > "$long_details"
}

long_bench() {
  tools/dependencies bench
  cmake --preset release > build/release.configure.log 2>&1 || { cat build/release.configure.log; return 1; }
  local targets target
  targets=$(ninja -C build/release -t targets all | sed -n 's/^\([a-z0-9_]*_bench\): phony$/\1/p')
  [ -n "$targets" ] || { echo "there is no benchmark"; return 1; }
  # shellcheck disable=SC2086
  configure_and_build release $targets
  mkdir -p build/bench
  rm -f build/bench/*.json
  for target in $targets; do
    say "$target"
    "$(find build/release -name "$target" -type f -perm -u+x)" \
      --benchmark_out="build/bench/$target.json" --benchmark_out_format=json
  done
  python3 tools/lib/bench_details.py build/bench > "$long_details"
}

# POLICY_SEED and POLICY_CASES say which cases; those of tests/data are the default.
long_policy() {
  local package='@cloud-copilot/iam-simulate@0.1.173' cases=build/policy_cases.jsonl folder
  command -v npm > /dev/null && command -v node > /dev/null ||
    { echo "npm and Node.js 18 or newer are missing; install them (Debian: nodejs and npm) and repeat this"; return 1; }
  folder=$(mktemp -d)
  npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts "$package" &&
    node tests/differential/generate_policy_cases.mjs "$folder" "${POLICY_SEED:-20261127}" "${POLICY_CASES:-24000}" \
      "$cases" tests/data/policy_explained.txt || { rm -rf "$folder"; return 1; }
  rm -rf "$folder"
  xz -9e --stdout "$cases" > tests/data/policy_cases.jsonl.xz
  configure_and_build dev policy_differential_test
  ctest --test-dir build/dev -R '^policy_differential_test$' --output-on-failure
  printf '{"package": "%s", "cases": %d, "explained": %d}\n' "$package" "$(grep -o '"verdict"' "$cases" | wc -l)" \
    "$(grep -vc '^#' tests/data/policy_explained.txt)" > "$long_details"
}

long_crash() {
  tools/dependencies e2e
  configure_and_build release adit adit-agent adit-relay
  export ADIT_BIN=$PWD/build/release/bin
  tests/e2e/run --full --only audit_test.test_killed_at_any_moment | tee build/crash.log
  awk '/ kills, / { kills += $1; calls += $3 } END { printf "{\"kills\": %d, \"answered_calls\": %d}\n", kills, calls }' \
    build/crash.log > "$long_details"
}

long_siege() {
  tools/dependencies e2e
  configure_and_build release adit adit-agent adit-relay
  ADIT_BIN=$PWD/build/release/bin tests/e2e/run --full --only siege_test | tee build/siege.log
  sed -n 's/^ *figures //p' build/siege.log | python3 -c 'import json, sys
by_io = {}
for figures in map(json.loads, sys.stdin): by_io.setdefault(figures.pop("io"), {}).update(figures)
print(json.dumps(by_io))' > "$long_details"
}

long_mutations() {
  tools/dependencies test
  tools/mutations/run --table build/mutations.md | tee build/mutations.log
  mv build/mutations.md tools/mutations/found.md
  tail -n 1 build/mutations.log > "$long_details"
}

long_soak() {
  tools/dependencies e2e
  configure_and_build release adit adit-agent adit-relay
  ADIT_BIN=$PWD/build/release/bin tests/e2e/run --full --io uring --only soak_test | tee build/soak.log
  sed -n 's/^ *figures //p' build/soak.log > "$long_details"
  tools/lib/soak_chart.py bench/results/soak.jsonl bench/results/soak.svg
}

long_gateway() {
  tools/dependencies e2e
  configure_and_build release adit adit-agent adit-relay
  ADIT_BIN=$PWD/build/release/bin tests/e2e/run --full --io uring --only aws_load_test | tee build/gateway.log
  sed -n 's/^ *figures //p' build/gateway.log > "$long_details"
}

# Fails when a way could not be measured, never on a figure.
long_path() {
  configure_and_build release adit adit-agent adit-relay loadgen path_router
  bench/macro/path/run > build/path.log
  python3 -c 'import json, sys
print(json.dumps({f"{way[\"round_trip_ms\"]:g} ms, {way[\"loss\"]:g}": way["of_raw"]
                  for way in map(json.loads, sys.stdin)}))' < build/path.log > "$long_details"
}

run_long() {
  local name=$1 start=$SECONDS ok
  rm -f "$long_details"
  say "$name: ${about_long[$name]}"
  run_step "long_$name"
  if [ "$step_code" = 0 ]; then ok=true; else ok=false; fi
  python3 tools/lib/append_result.py bench/results/long.jsonl "$name" "$ok" "$((SECONDS - start))" "$long_details"
  if [ "$ok" = false ]; then
    say "$name failed. To repeat it: tools/test --long $name"
    return 1
  fi
  say "$name passed; the result is the last line of bench/results/long.jsonl"
}
