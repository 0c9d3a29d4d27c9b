# Loopback TCP without any tunnel: the ceiling for everything else
# shellcheck shell=bash disable=SC2034
peer_needs=""
peer_up() {
  slow_link "$1"
  slow_link "$REPLY"
  local_port=$REPLY
  client_command=()
}
