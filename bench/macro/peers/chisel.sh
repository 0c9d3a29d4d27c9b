# chisel: the node opens a reversed port of the server, the client forwards a port to it: SSH in WebSocket (:tls, inside HTTPS)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="chisel openssl"

peer_up() {
  local scheme=http server_tls=() client_tls=() remote port
  case $variant in
    "") ;;
    tls)
      tls_files
      scheme=https
      server_tls=(--tls-key "$tls_folder/key.pem" --tls-cert "$tls_folder/cert.pem")
      client_tls=(--tls-ca "$tls_folder/cert.pem")
      ;;
    *) fail "chisel knows :tls, not $variant" ;;
  esac
  local dial=(chisel client --auth bench:bench "${client_tls[@]}")
  port=$(free_port)
  remote=$(free_port)
  start relay chisel server --host 127.0.0.1 --port "$port" --reverse --auth bench:bench "${server_tls[@]}"
  wait_port "$port"
  slow_link "$port"
  start node "${dial[@]}" "$scheme://127.0.0.1:$REPLY" "R:127.0.0.1:$remote:127.0.0.1:$1"
  wait_port "$remote"
  slow_link "$port"
  local_port=$(free_port)
  client_command=("${dial[@]}" "$scheme://127.0.0.1:$REPLY" "127.0.0.1:$local_port:127.0.0.1:$remote")
}
