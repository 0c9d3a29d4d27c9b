#include "relay/config.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "engine/base/version.h"

namespace relay {
namespace {

constexpr const char* kExamples = R"(Examples:
  adit-relay --state ./state --listen 127.0.0.1:8443 --advertise 127.0.0.1:8443
      Try it on one machine. The first start prints two lines: one to log in, one to enrol a node.
  adit-relay --advertise relay.example.com:443
      Serve everybody who can reach port 443, with a certificate of the relay's own authority.
  adit-relay --advertise relay.example.com:443 --tls-cert chain.pem --tls-key key.pem
      The same with your own certificate; send SIGHUP after renewing it.
  adit-relay rotate-master-key --state ./state --new-master-key new.key
      Encrypt the stored secrets under another key; the relay must not be running.
)";

}  // namespace

ParseOutcome ParseCommandLine(int argc, char** argv, Config& config) {
  CLI::App app{"adit-relay: the meeting point of clients and nodes", "adit-relay"};
  app.footer(kExamples);
  app.set_version_flag("--version", std::string("adit-relay ") + engine::kVersion);
  std::string io;
  app.add_option("--state", config.state_directory, "Directory of the relay's state")
      ->capture_default_str();
  app.add_option("--listen", config.listen, "ADDRESS:PORT to accept on; port 0 takes a free one")
      ->capture_default_str();
  app.add_option("--advertise", config.advertise,
                 "HOST:PORT that clients and nodes dial (default: this host's name, the port)");
  app.add_option("--tls-cert", config.tls_certificate,
                 "PEM file: certificate, then its issuers; read again on SIGHUP");
  app.add_option("--tls-key", config.tls_key, "PEM file of the certificate's private key");
  app.add_option("--master-key", config.master_key_file,
                 "File (mode 0600) with the key that encrypts stored secrets "
                 "(default: the systemd credential adit-master-key, else <state>/master.key)");
  app.add_option("--loops", config.loops, "Event loops; 0 is one per core")->capture_default_str();
  app.add_option("--io", io, "auto, uring or epoll (default: $ADIT_IO, else auto)");
  CLI::App* rotate =
      app.add_subcommand("rotate-master-key", "Encrypt the stored secrets under another key");
  rotate->add_option("--state", config.state_directory, "Directory of the relay's state")
      ->capture_default_str();
  rotate->add_option("--master-key", config.master_key_file, "The key in use");
  rotate
      ->add_option("--new-master-key", config.new_master_key_file,
                   "File for the new key; made if it is not there")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return {false, app.exit(error) == 0 ? 0 : 2};
  }
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    std::fprintf(stderr, "adit-relay: --tls-cert and --tls-key go together: give both or none\n");
    return {false, 2};
  }
  const absl::StatusOr<engine::LoopIo> backend = engine::LoopIoFrom(io);
  if (!backend.ok()) {
    std::fprintf(stderr, "adit-relay: %s\n", std::string(backend.status().message()).c_str());
    return {false, 2};
  }
  config.loop.io = *backend;
  config.rotate_master_key = rotate->parsed();
  return {true, 0};
}

}  // namespace relay
