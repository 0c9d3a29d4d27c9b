#include "relay/config.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "engine/base/version.h"
#include "engine/wire/host_port.h"

namespace relay {
namespace {

constexpr const char* kDescription = R"(adit-relay: the meeting point of clients and nodes

Examples:
  adit-relay --state ./state --listen 127.0.0.1:8443 --advertise 127.0.0.1:8443
      Try it on one machine. The first start prints two lines: one to log in, one to enrol a node.
  adit-relay --advertise relay.example.com:443
      Serve everybody who can reach port 443, with a certificate of the relay's own authority.
  adit-relay --advertise relay.example.com:443 --tls-cert chain.pem --tls-key key.pem
      The same with your own certificate; send SIGHUP after renewing it.
  adit-relay rotate-master-key --state ./state
      Encrypt the stored secrets under a new key, and keep that in the key's file. Stop the relay
      first. A key that systemd hands over as a credential: as root, --master-key and its file.
  adit-relay recover-admin --state ./state --advertise relay.example.com:443
      When no administrator can log in any more: make the user admin anew and print the line that
      logs in. Stop the relay first. Whatever admin had, keys included, is gone; others stay.

Exit codes: 0 stopped by SIGTERM or SIGINT; 1 it failed, the reason is on the standard error; 2 wrong
arguments.)";

constexpr const char* kRotateDescription =
    R"(adit-relay rotate-master-key: encrypt the stored secrets under a new key

Examples:
  adit-relay rotate-master-key --state ./state
  sudo adit-relay rotate-master-key --state /var/lib/adit-relay --master-key /etc/adit/master.key
      When systemd hands the key over as a credential: the file in LoadCredential=.

The new key takes the old one's place in the key's file. Stop the relay first.
)";

constexpr const char* kRecoverDescription =
    R"(adit-relay recover-admin: make the user admin anew, with a key that logs in

Examples:
  adit-relay recover-admin --state ./state --advertise relay.example.com:443

It prints the line for `adit login`. Stop the relay first. Whatever admin had, keys included, is
gone; others stay.
)";

std::string FromEnvironment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

// InheritedFromEnvironment returns the first socket that was handed over to this very process.
std::optional<InheritedSocket> InheritedFromEnvironment() {
  constexpr int kFirst = 3;  // As sd_listen_fds(3) has it.
  if (FromEnvironment("LISTEN_PID") != std::to_string(::getpid())) return std::nullopt;
  const std::string count = FromEnvironment("LISTEN_FDS");
  if (count.empty() || count == "0") return std::nullopt;
  const std::string names = FromEnvironment("LISTEN_FDNAMES");
  return InheritedSocket{kFirst, names.substr(0, names.find(':'))};
}

}  // namespace

absl::StatusOr<engine::Address> ParseListen(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = colon == std::string::npos ? std::string() : text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const std::string port = colon == std::string::npos ? std::string() : text.substr(colon + 1);
  const std::optional<uint16_t> number = port == "0" ? 0 : engine::ParsePort(port);
  engine::Address address;
  if (number.has_value() && engine::Address::Parse(host, *number, address)) return address;
  return absl::InvalidArgumentError("--listen " + text +
                                    " is no address and port; write 0.0.0.0:443 or [::]:443");
}

ParseOutcome ParseCommandLine(int argc, char** argv, Config& config) {
  CLI::App app{kDescription, "adit-relay"};
  app.set_version_flag("--version", std::string("adit-relay ") + engine::kVersion);
  std::string io;
  app.add_option("--state", config.state_directory, "Directory of the relay's state")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--listen", config.listen, "ADDRESS:PORT to accept on; port 0 takes a free one")
      ->type_name("ADDRESS:PORT")
      ->capture_default_str();
  app.add_option("--advertise", config.advertise,
                 "HOST:PORT that clients and nodes dial (default: this host's name, the port)")
      ->type_name("HOST:PORT");
  app.add_option("--tls-cert", config.tls_certificate,
                 "PEM file: certificate, then its issuers; read again on SIGHUP")
      ->type_name("FILE");
  app.add_option("--tls-key", config.tls_key, "PEM file of the certificate's private key")
      ->type_name("FILE");
  app.add_option("--master-key", config.master_key_file,
                 "File (mode 0600) with the key that encrypts stored secrets "
                 "(default: the systemd credential adit-master-key, else <state>/master.key)")
      ->type_name("FILE");
  app.add_option("--loops", config.loops, "Event loops; 0 is one per core")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--io", io, "auto, uring or epoll (default: $ADIT_IO, else auto)")
      ->type_name("NAME");
  CLI::App* rotate =
      app.add_subcommand("rotate-master-key", "Encrypt the stored secrets under a new key");
  rotate->add_option("--state", config.state_directory, "Directory of the relay's state")
      ->type_name("DIR")
      ->capture_default_str();
  rotate->add_option("--master-key", config.master_key_file, "File of the key in use; replaced")
      ->type_name("FILE");
  CLI::App* recover =
      app.add_subcommand("recover-admin", "Make the user admin anew, with a key that logs in");
  recover->add_option("--state", config.state_directory, "Directory of the relay's state")
      ->type_name("DIR")
      ->capture_default_str();
  recover
      ->add_option("--advertise", config.advertise,
                   "HOST:PORT that the printed line names (default: this host's name, port 443)")
      ->type_name("HOST:PORT");
  recover->add_option("--tls-cert", config.tls_certificate, "As the relay itself has it")
      ->type_name("FILE");
  recover->add_option("--master-key", config.master_key_file, "File of the key in use")
      ->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    if (rotate->count() > 0) rotate->description(kRotateDescription);
    if (recover->count() > 0) recover->description(kRecoverDescription);
    return {false, app.exit(help)};
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "adit-relay: %s. Try: adit-relay --help\n", error.what());
    return {false, 2};
  }
  if (rotate->parsed()) config.task = Config::Task::kRotateMasterKey;
  if (recover->parsed()) config.task = Config::Task::kRecoverAdmin;
  if (!recover->parsed() && config.tls_certificate.empty() != config.tls_key.empty()) {
    std::fprintf(stderr, "adit-relay: --tls-cert and --tls-key go together: give both or none\n");
    return {false, 2};
  }
  const absl::StatusOr<engine::LoopIo> backend = engine::LoopIoFrom(io);
  if (!backend.ok()) {
    std::fprintf(stderr, "adit-relay: %s\n", std::string(backend.status().message()).c_str());
    return {false, 2};
  }
  config.loop.io = *backend;
  absl::Status addresses = ParseListen(config.listen).status();
  if (addresses.ok() && !config.advertise.empty()) {
    constexpr uint16_t kAnyPort = 443;
    addresses = engine::ParseHostPort(config.advertise, kAnyPort).status();
  }
  if (!addresses.ok()) {
    std::fprintf(stderr, "adit-relay: %s. Try: adit-relay --help\n",
                 std::string(addresses.message()).c_str());
    return {false, 2};
  }
  config.credentials_directory = FromEnvironment("CREDENTIALS_DIRECTORY");
  config.notify_socket = FromEnvironment("NOTIFY_SOCKET");
  config.inherited = InheritedFromEnvironment();
  char host_name[256] = {};
  if (::gethostname(host_name, sizeof host_name - 1) == 0) config.host_name = host_name;
  return {true, 0};
}

}  // namespace relay
