# Throw-away certificates, keys and ssh daemons for the peers. Sourced by bench/macro/run.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # run_folder and others are set by the script that sources this one.

# tls_files: one self-signed P-256 certificate for 127.0.0.1, in $tls_folder.
tls_files() {
  tls_folder=$run_folder/tls
  [ ! -f "$tls_folder/both.pem" ] || return 0
  mkdir -p "$tls_folder"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
    -keyout "$tls_folder/key.pem" -out "$tls_folder/cert.pem" 2> /dev/null
  cat "$tls_folder/cert.pem" "$tls_folder/key.pem" > "$tls_folder/both.pem"
}

# ssh_files: host key, user key and the options that every ssh client of the harness uses.
ssh_files() {
  local folder=$run_folder/ssh
  ssh_options=(-F "$folder/config")
  [ ! -f "$folder/config" ] || return 0
  mkdir -p "$folder"
  if [ "$EUID" = 0 ]; then mkdir -p /run/sshd; fi
  ssh-keygen -q -t ed25519 -N '' -f "$folder/host"
  ssh-keygen -q -t ed25519 -N '' -f "$folder/user"
  cp "$folder/user.pub" "$folder/authorized"
  echo "bench $(cut -d' ' -f1,2 "$folder/host.pub")" > "$folder/known"
  cat > "$folder/config" << CONFIG
Host *
  User $(id -un)
  HostKeyAlias bench
  UserKnownHostsFile $folder/known
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  IdentityFile $folder/user
  IdentitiesOnly yes
  BatchMode yes
  ExitOnForwardFailure yes
  LogLevel ERROR
  Ciphers ${ssh_cipher:-aes128-gcm@openssh.com,chacha20-poly1305@openssh.com}
CONFIG
}

# start_sshd ROLE PORT: a daemon of our own, in the foreground, on one address.
start_sshd() {
  ssh_files
  local file=$run_folder/ssh/sshd_$2 extra=() sshd
  sshd=$(command -v sshd) # It wants to be started by its full path.
  cat > "$file" << CONFIG
ListenAddress 127.0.0.1:$2
HostKey $run_folder/ssh/host
AuthorizedKeysFile $run_folder/ssh/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AllowTcpForwarding yes
MaxStartups 2000
MaxSessions 2000
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel ERROR
CONFIG
  # Newer servers lock out an address that connects without logging in, as wait_port does.
  if "$sshd" -t -f "$file" -o PerSourcePenalties=no 2> /dev/null; then extra=(-o PerSourcePenalties=no); fi
  start "$1" "$sshd" -D -e -f "$file" "${extra[@]}"
  wait_port "$2"
}

# ssh_hosts NAME PORT [NAME PORT...]: names for the ssh command.
ssh_hosts() {
  local file=$run_folder/ssh/config
  {
    while (($# >= 2)); do
      printf 'Host %s\n  HostName 127.0.0.1\n  Port %s\n' "$1" "$2"
      shift 2
    done
    cat "$file"
  } > "$file.new"
  mv "$file.new" "$file"
}
