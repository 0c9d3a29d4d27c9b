# rathole: the node dials the relay, which has a port for the service; no client part, so that leg is in clear (:noise, :tls or :plain)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="rathole openssl"

# rathole_transport SIDE LINE...: the tables of an encrypted transport.
rathole_transport() {
  local side=$1
  shift
  printf '[%s.transport]\ntype = "%s"\n[%s.transport.%s]\n' "$side" "$variant" "$side" "$variant"
  printf '%s\n' "$@"
}

peer_up() {
  local server="" client="" keys port
  case $variant in
    plain) ;;
    noise)
      keys=$(rathole --genkey)
      server=$(rathole_transport server "local_private_key = \"$(sed -n 2p <<< "$keys")\"")
      client=$(rathole_transport client "remote_public_key = \"$(sed -n 5p <<< "$keys")\"")
      ;;
    tls)
      tls_files
      openssl pkcs12 -export -passout pass:bench -inkey "$tls_folder/key.pem" -in "$tls_folder/cert.pem" \
        -out "$tls_folder/identity.p12" 2> /dev/null
      server=$(rathole_transport server "pkcs12 = \"$tls_folder/identity.p12\"" 'pkcs12_password = "bench"')
      client=$(rathole_transport client "trusted_root = \"$tls_folder/cert.pem\"" 'hostname = "localhost"')
      ;;
    *) fail "rathole needs :noise, :tls or :plain" ;;
  esac
  port=$(free_port)
  local_port=$(free_port)
  cat > "$run_folder/server.toml" << CONFIG
[server]
bind_addr = "127.0.0.1:$port"
default_token = "bench"
$server
[server.services.bench]
bind_addr = "127.0.0.1:$local_port"
CONFIG
  start relay env RUST_LOG=error rathole --server "$run_folder/server.toml"
  wait_port "$port"
  slow_link "$port"
  cat > "$run_folder/node.toml" << CONFIG
[client]
remote_addr = "127.0.0.1:$REPLY"
default_token = "bench"
$client
[client.services.bench]
local_addr = "127.0.0.1:$1"
CONFIG
  start node env RUST_LOG=error rathole --client "$run_folder/node.toml"
  wait_port "$local_port"
  slow_link "$local_port"
  local_port=$REPLY
  client_command=()
}
