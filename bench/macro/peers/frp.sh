# frp stcp: node and visitor dial frps, TLS on both legs, one connection each (:enc, frp's cipher inside; :nomux; :pool, 10 work connections ready)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="frps frpc openssl"

# frpc_config NAME PORT: what node and visitor share; the rest comes from standard input.
frpc_config() {
  cat - > "$run_folder/$1.rest" # Tables follow the keys of no table.
  cat - "$run_folder/$1.rest" > "$run_folder/$1.toml" << CONFIG
serverAddr = "127.0.0.1"
serverPort = $2
log.level = "info"
auth.token = "bench"
loginFailExit = false
transport.tls.enable = true
transport.tls.trustedCaFile = "$tls_folder/cert.pem"
transport.tls.serverName = "localhost"
transport.tcpMux = $mux
transport.poolCount = $pool
CONFIG
}

peer_up() {
  tls_files
  local mux=true pool=0 encrypted=false port i
  case $variant in
    "") ;;
    enc) encrypted=true ;;
    nomux) mux=false ;;
    pool) pool=10 ;;
    *) fail "frp knows :enc, :nomux and :pool, not $variant" ;;
  esac
  port=$(free_port)
  cat > "$run_folder/frps.toml" << CONFIG
bindAddr = "127.0.0.1"
bindPort = $port
log.level = "error"
auth.token = "bench"
transport.tcpMux = $mux
transport.maxPoolCount = 20
transport.tls.force = true
transport.tls.certFile = "$tls_folder/cert.pem"
transport.tls.keyFile = "$tls_folder/key.pem"
CONFIG
  start relay frps -c "$run_folder/frps.toml"
  wait_port "$port"
  slow_link "$port"
  frpc_config node "$REPLY" << CONFIG
[[proxies]]
name = "bench"
type = "stcp"
secretKey = "secret"
localIP = "127.0.0.1"
localPort = $1
transport.useEncryption = $encrypted
CONFIG
  start node frpc -c "$run_folder/node.toml"
  for ((i = 0; i < 500; i++)); do
    if grep -q 'start proxy success' "$run_folder/log/node"; then break; fi
    sleep 0.02
  done
  ((i < 500)) || fail "frpc does not register its proxy: $(last_words)"
  slow_link "$port"
  local_port=$(free_port)
  frpc_config client "$REPLY" << CONFIG
[[visitors]]
name = "visit"
type = "stcp"
serverName = "bench"
secretKey = "secret"
bindAddr = "127.0.0.1"
bindPort = $local_port
transport.useEncryption = $encrypted
CONFIG
  client_command=(frpc -c "$run_folder/client.toml")
}
