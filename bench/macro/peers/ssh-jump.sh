# OpenSSH -J relay -L: encrypted from client to node inside ssh to the relay, which dials the node's port (:gcm or :chacha)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="ssh ssh-keygen sshd"
peer_up() {
  ssh_cipher=aes128-gcm@openssh.com
  if [ "$variant" = chacha ]; then ssh_cipher=chacha20-poly1305@openssh.com; fi
  local port node
  port=$(free_port)
  node=$(free_port)
  start_sshd relay "$port"
  start_sshd node "$node"
  slow_link "$node"
  node=$REPLY
  slow_link "$port"
  ssh_hosts relay "$REPLY" node "$node"
  local_port=$(free_port)
  client_command=(ssh "${ssh_options[@]}" -N -T -J relay -L "127.0.0.1:$local_port:127.0.0.1:$1" node)
}
peer_shell() {
  exec_command=(ssh "${ssh_options[@]}" -J relay node)
  terminal_command=(ssh "${ssh_options[@]}" -J relay -tt node)
}
