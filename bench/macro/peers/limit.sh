# The least a tunnel can cost: three minimal relays, without encryption (:splice, :copy) or with records at the ends (:sealed)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs=""
peer_up() {
  local node relay how=${variant:-splice} client_how node_how
  client_how=$how node_how=$how
  [ "$how" != sealed ] || client_how=seal node_how=open how=splice
  node=$(free_port)
  start node "$loadgen" relay --how "$node_how" --port "$node" --to "$1"
  wait_port "$node"
  slow_link "$node"
  relay=$(free_port)
  start relay "$loadgen" relay --how "$how" --port "$relay" --to "$REPLY"
  wait_port "$relay"
  slow_link "$relay"
  local_port=$(free_port)
  client_command=("$loadgen" relay --how "$client_how" --port "$local_port" --to "$REPLY")
}
