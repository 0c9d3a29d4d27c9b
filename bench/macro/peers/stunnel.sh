# stunnel on the client and on the node, HAProxy passing TLS through between them
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="stunnel4 haproxy openssl"

# stunnel_config NAME PORT NEXT LINES
stunnel_config() {
  cat > "$run_folder/$1.conf" << CONFIG
foreground = yes
pid =
debug = err
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[$1]
accept = 127.0.0.1:$2
connect = 127.0.0.1:$3
$4
CONFIG
}

peer_up() {
  tls_files
  local node relay
  node=$(free_port)
  stunnel_config node "$node" "$1" "cert = $tls_folder/both.pem"
  start node stunnel4 "$run_folder/node.conf"
  wait_port "$node"
  slow_link "$node"
  relay=$(free_port)
  cat > "$run_folder/relay.cfg" << CONFIG
global
  nbthread 1
  maxconn 6000
defaults
  mode tcp
  option splice-auto
  timeout connect 10s
  timeout client 1h
  timeout server 1h
listen relay
  bind 127.0.0.1:$relay
  server next 127.0.0.1:$REPLY
CONFIG
  start relay haproxy -db -f "$run_folder/relay.cfg"
  wait_port "$relay"
  slow_link "$relay"
  local_port=$(free_port)
  stunnel_config client "$local_port" "$REPLY" "client = yes
verifyChain = yes
CAfile = $tls_folder/cert.pem
checkHost = localhost"
  client_command=(stunnel4 "$run_folder/client.conf")
}
