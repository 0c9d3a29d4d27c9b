# Steps of a tool: says what is done and for how long, and leaves no process behind. Sourced by bash.
#
#   say TEXT...          one line, with the seconds since the start
#   run_step CMD...      runs CMD in the background without a standard input and waits; its exit code
#                        is in step_code. (In `if run_step`, bash would switch off `set -e` inside CMD.)
#   still_running        the processes that were started from here and are alive, one per line
#   end_started          ends them, by number
#
# A process counts as ours when it carries ADIT_STEPS in its environment: that also finds those that
# left their session and their parent, and never one of somebody else.

steps_started=$SECONDS
steps_child=
export ADIT_STEPS="$$-$RANDOM$RANDOM"

say() { printf '[%4d s] %s\n' "$((SECONDS - steps_started))" "$*"; }

run_step() {
  step_code=0
  "$@" < /dev/null &
  steps_child=$!
  wait "$steps_child" || step_code=$?
  steps_child=
}

still_running() {
  local path pid command
  { grep -lzxF "ADIT_STEPS=$ADIT_STEPS" /proc/[0-9]*/environ 2> /dev/null || true; } | while read -r path; do
    pid=${path//[^0-9]/}
    # The grep above found itself, and is gone.
    command=$(tr '\0' ' ' < "/proc/$pid/cmdline")
    if [ -n "$command" ]; then echo "$pid $command"; fi
  done 2> /dev/null
}

end_started() {
  [ -z "$steps_child" ] || kill "$steps_child" 2> /dev/null || true
  local pids tries
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    pids=$(still_running | cut -d ' ' -f 1)
    [ -n "$pids" ] || return 0
    # shellcheck disable=SC2086
    if [ "$tries" -lt 8 ]; then kill $pids 2> /dev/null || true; else kill -KILL $pids 2> /dev/null || true; fi
    sleep 0.3
  done
}
