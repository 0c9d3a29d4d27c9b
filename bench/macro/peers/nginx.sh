# nginx stream proxies at all three places, one worker each (:tls-pass or :tls-term)
# shellcheck shell=bash disable=SC2034,SC2154
peer_needs="nginx openssl"

# nginx_config NAME PORT NEXT LISTEN-OPTIONS LINES
nginx_config() {
  local modules
  modules=$(nginx -V 2>&1 | grep -o -- '--modules-path=[^ ]*' | cut -d= -f2)
  mkdir -p "$run_folder/$1"
  cat > "$run_folder/$1/nginx.conf" << CONFIG
$([ ! -f "$modules/ngx_stream_module.so" ] || echo "load_module $modules/ngx_stream_module.so;")
daemon off;
worker_processes 1;
user $(id -un);
pid $run_folder/$1/pid;
error_log $run_folder/$1/error.log error;
worker_rlimit_nofile 19000;
events { worker_connections 9000; }
stream {
  proxy_buffer_size 64k;
  proxy_timeout 1h;
  tcp_nodelay on;
  server {
    listen 127.0.0.1:$2 $4 backlog=4096;
    proxy_pass 127.0.0.1:$3;
    $5
  }
}
CONFIG
  nginx_command=(nginx -p "$run_folder/$1" -c "$run_folder/$1/nginx.conf" -e "$run_folder/$1/error.log")
}

peer_up() {
  tls_files
  local server="ssl_certificate $tls_folder/cert.pem; ssl_certificate_key $tls_folder/key.pem;
    ssl_protocols TLSv1.3;"
  local client="proxy_ssl on; proxy_ssl_protocols TLSv1.3; proxy_ssl_verify on;
    proxy_ssl_trusted_certificate $tls_folder/cert.pem; proxy_ssl_name localhost;"
  local relay_listen="" relay_lines="" node relay
  case $variant in
    tls-pass) ;;
    tls-term) relay_listen=ssl relay_lines="$server $client" ;;
    *) fail "nginx needs :tls-pass or :tls-term" ;;
  esac
  node=$(free_port)
  nginx_config node "$node" "$1" ssl "$server"
  start node "${nginx_command[@]}"
  wait_port "$node"
  slow_link "$node"
  relay=$(free_port)
  nginx_config relay "$relay" "$REPLY" "$relay_listen" "$relay_lines"
  start relay "${nginx_command[@]}"
  wait_port "$relay"
  slow_link "$relay"
  local_port=$(free_port)
  nginx_config client "$local_port" "$REPLY" "" "$client"
  client_command=("${nginx_command[@]}")
}
