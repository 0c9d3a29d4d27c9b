# OpenSSH -L straight to the node: it needs an inbound port and has no relay (:gcm or :chacha)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="ssh ssh-keygen sshd"
peer_up() {
  ssh_cipher=aes128-gcm@openssh.com
  if [ "$variant" = chacha ]; then ssh_cipher=chacha20-poly1305@openssh.com; fi
  local port
  port=$(free_port)
  start_sshd node "$port"
  slow_link "$port"
  ssh_hosts node "$REPLY"
  local_port=$(free_port)
  client_command=(ssh "${ssh_options[@]}" -N -T -L "127.0.0.1:$local_port:127.0.0.1:$1" node)
}
peer_shell() {
  exec_command=(ssh "${ssh_options[@]}" node)
  terminal_command=(ssh "${ssh_options[@]}" -tt node)
}
