# OpenSSH through a bastion: the node dials out with -R, the client comes with -L (:gcm or :chacha)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="ssh ssh-keygen sshd"
peer_up() {
  ssh_cipher=aes128-gcm@openssh.com
  if [ "$variant" = chacha ]; then ssh_cipher=chacha20-poly1305@openssh.com; fi
  local port remote node_shell
  port=$(free_port)
  remote=$(free_port)
  start_sshd relay "$port"
  slow_link "$port"
  ssh_hosts relay-of-node "$REPLY"
  # The node's own daemon is behind a second port of the bastion, for shells.
  node_shell=$(free_port)
  bastion_shell=$(free_port)
  start_sshd node "$node_shell"
  start node ssh "${ssh_options[@]}" -N -T -R "127.0.0.1:$remote:127.0.0.1:$1" \
    -R "127.0.0.1:$bastion_shell:127.0.0.1:$node_shell" relay-of-node
  wait_port "$remote"
  slow_link "$port"
  ssh_hosts relay "$REPLY" node "$bastion_shell"
  local_port=$(free_port)
  client_command=(ssh "${ssh_options[@]}" -N -T -L "127.0.0.1:$local_port:127.0.0.1:$remote" relay)
}
peer_shell() {
  exec_command=(ssh "${ssh_options[@]}" -J relay node)
  terminal_command=(ssh "${ssh_options[@]}" -J relay -tt node)
}
