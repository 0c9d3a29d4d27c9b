# The least a tunnel can cost: three minimal relays without encryption (:splice or :copy)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs=""
peer_up() {
  local node relay how=${variant:-splice}
  node=$(free_port)
  start node "$loadgen" relay --how "$how" --port "$node" --to "$1"
  wait_port "$node"
  slow_link "$node"
  relay=$(free_port)
  start relay "$loadgen" relay --how "$how" --port "$relay" --to "$REPLY"
  wait_port "$relay"
  slow_link "$relay"
  local_port=$(free_port)
  client_command=("$loadgen" relay --how "$how" --port "$local_port" --to "$REPLY")
}
