#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/loop/address.h"
#include "engine/platform/create_loop.h"

namespace relay {

// InheritedSocket is one that whoever started the process had open (sd_listen_fds(3)).
struct InheritedSocket {
  int descriptor = -1;
  std::string name;  // The manager's; empty: it said none.
};

// Config is what the command line and the environment say; `adit-relay --help` is its
// documentation.
struct Config {
  std::string state_directory = "/var/lib/adit-relay";
  std::string listen = "0.0.0.0:443";  // Numeric; see ParseListen.
  std::string advertise;        // HOST:PORT for clients and agents; default: host name and port.
  std::string tls_certificate;  // PEM file; empty: one made by the relay's own authority.
  std::string tls_key;
  std::string master_key_file;  // Empty: <state>/master.key, or systemd's credential.
  uint32_t loops = 0;           // 0: one per core.
  engine::LoopOptions loop;     // Backend, blocks.
  // What is to be done; all but kServe exit when they are done.
  enum class Task : uint8_t { kServe, kRotateMasterKey, kRecoverAdmin } task = Task::kServe;

  // From the environment and the machine.
  std::string credentials_directory;         // $CREDENTIALS_DIRECTORY of systemd.
  std::string notify_socket;                 // $NOTIFY_SOCKET of systemd.
  std::optional<InheritedSocket> inherited;  // $LISTEN_FDS of systemd: what to listen on.
  std::string host_name;
};

// ParseOutcome: run with the config, or exit with the code (help was printed, or what is wrong).
struct ParseOutcome {
  bool run = false;
  int exit_code = 0;
};
ParseOutcome ParseCommandLine(int argc, char** argv, Config& config);

// ParseListen reads ADDRESS:PORT, where the port may be 0. The error says what to write.
absl::StatusOr<engine::Address> ParseListen(const std::string& text);

}  // namespace relay
