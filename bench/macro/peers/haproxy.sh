# HAProxy at all three places, one thread each: TLS passed through or ended at the relay (:tls-pass, :tls-term, :tcp; :splice, as :tcp with splice(2) forced)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="haproxy openssl"

# haproxy_config NAME PORT NEXT BIND-OPTIONS SERVER-OPTIONS
haproxy_config() {
  cat > "$run_folder/$1.cfg" << CONFIG
global
  nbthread 1
  maxconn 6000
  tune.ssl.default-dh-param 2048
defaults
  mode tcp
  $splice
  option tcp-smart-connect
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  maxconn 6000
  backlog 4096
listen $1
  bind 127.0.0.1:$2 $4
  server next 127.0.0.1:$3 $5
CONFIG
}

peer_up() {
  tls_files
  local server="ssl crt $tls_folder/both.pem"
  local client="ssl verify required ca-file $tls_folder/cert.pem verifyhost localhost"
  local node_in="" client_out="" relay_in="" relay_out="" node relay
  local splice="option splice-auto" # In practice it copies.
  case $variant in
    tcp) ;;
    splice) splice=$'option splice-request\n  option splice-response' ;;
    tls-pass) node_in=$server client_out=$client ;;
    tls-term) node_in=$server client_out=$client relay_in=$server relay_out=$client ;;
    *) fail "haproxy needs :tcp, :splice, :tls-pass or :tls-term" ;;
  esac
  node=$(free_port)
  haproxy_config node "$node" "$1" "$node_in" ""
  start node haproxy -db -f "$run_folder/node.cfg"
  wait_port "$node"
  slow_link "$node"
  relay=$(free_port)
  haproxy_config relay "$relay" "$REPLY" "$relay_in" "$relay_out"
  start relay haproxy -db -f "$run_folder/relay.cfg"
  wait_port "$relay"
  slow_link "$relay"
  local_port=$(free_port)
  haproxy_config client "$local_port" "$REPLY" "" "$client_out"
  client_command=(haproxy -db -f "$run_folder/client.cfg")
}
