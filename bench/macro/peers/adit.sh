# Adit: the node dials the relay, the client forwards a port (:uring or :epoll; -inspected, -once: without resumption, -lanesN, or -hop, -haproxy: a relay that only splices before the relay; @BUILD)
# shellcheck shell=bash disable=SC2034,SC2154
programs=$adit_bin
if [[ $variant == *@* ]]; then
  [ "${variant#*@}" = "$other_name" ] || fail "no build is called ${variant#*@}: give it by -B"
  programs=$other_build/bin
  variant=${variant%@*}
fi
peer_needs="$programs/adit $programs/adit-agent $programs/adit-relay"
if [[ $variant == *-haproxy ]]; then peer_needs+=" haproxy"; fi

# printed WORD: the line that the relay printed at its first start and that begins with WORD, with the
# relay's address replaced by port $2.
printed() {
  local i line
  for ((i = 0; i < 500; i++)); do
    line=$(grep -o "$1 relay=.*" "$run_folder/log/relay" | head -n 1) || true
    if [ -n "$line" ]; then
      echo "$1 relay=127.0.0.1:$2 ${line#* * }"
      return 0
    fi
    sleep 0.02
  done
  fail "the relay printed no line $1: $(last_words)"
}

# hop PORT: sets REPLY to a port that leads to PORT through another relay, which splices, so that two relays carry the
# same bytes in the same pieces. Elsewhere PORT itself.
hop() {
  REPLY=$1
  local port
  port=$(free_port)
  case $variant in
    *-hop) start hop "$loadgen" relay --how splice --port "$port" --to "$1" ;;
    *-haproxy)
      printf '%s\n' global '  nbthread 1' defaults '  mode tcp' '  option splice-request' '  option splice-response' \
        '  timeout connect 10s' '  timeout client 1h' '  timeout server 1h' 'listen hop' "  bind 127.0.0.1:$port" \
        "  server next 127.0.0.1:$1" > "$run_folder/hop.cfg"
      start hop haproxy -db -f "$run_folder/hop.cfg"
      ;;
    *) return 0 ;;
  esac
  wait_port "$port"
  REPLY=$port
}

peer_up() {
  local relay i
  local io=${variant%-*} carriage=()
  adit_env=(env "ADIT_IO=${io:-auto}" "ADIT_CONFIG_DIR=$run_folder/config")
  case $variant in
    *-inspected) carriage=(--inspected) ;;
    *-once) adit_env+=(ADIT_PATIENCE=0) ;;
    *-lanes[1-8]) carriage=(--lanes "${variant##*-lanes}") ;;
    *-hop | *-haproxy) ;;
    *-*) fail "adit knows -inspected, -once, -lanesN, -hop and -haproxy, not $variant" ;;
  esac
  relay=$(free_port)
  start relay "${adit_env[@]}" "$programs/adit-relay" --state "$run_folder/relay" \
    --listen "127.0.0.1:$relay" --advertise "127.0.0.1:$relay"
  wait_listening "$relay"
  slow_link "$relay"
  printed adit-enroll "$REPLY" |
    "${adit_env[@]}" "$programs/adit-agent" enroll --state "$run_folder/node" --name bench \
      > "$run_folder/log/enroll" 2>&1 || fail "adit-agent enroll: $(last_words)"
  start node "${adit_env[@]}" "$programs/adit-agent" run --state "$run_folder/node"
  slow_link "$relay"
  hop "$REPLY"
  printed adit-login "$REPLY" | "${adit_env[@]}" "$programs/adit" login > "$run_folder/log/login" 2>&1 ||
    fail "adit login: $(last_words)"
  for ((i = 0; i < 100; i++)); do
    if "${adit_env[@]}" "$programs/adit" exec bench -- true > /dev/null 2>&1; then break; fi
    sleep 0.1
  done
  local_port=$(free_port)
  client_command=("${adit_env[@]}" "$programs/adit" forward "${carriage[@]}" bench "127.0.0.1:$local_port:$1")
}

peer_shell() {
  exec_command=("${adit_env[@]}" "$programs/adit" exec bench -- sh -c)
  terminal_command=("${adit_env[@]}" "$programs/adit" exec -t bench -- sh -c)
}

# The sums over the relay's loops of what it logs at its end. Only there do its legs carry a forward's bytes.
if [[ $variant == *-inspected ]]; then
  peer_legs() {
    sed -n 's/.* tls_leg_bytes //p' "$run_folder/log/relay" | tr ' ' '\n' | jq -cRn '
      [inputs | capture("^(?<key>\\w+)=(?<value>\\d+)$") | select(.key != "loop")]
      | group_by(.key) | map({(.[0].key): map(.value | tonumber) | add}) | add // {}'
  }
fi
