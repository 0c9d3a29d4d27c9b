// adit-relay: the command line, the signals, nothing else.

#include <csignal>
#include <cstdio>
#include <string>

#include "engine/platform/descriptor_limit.h"
#include "relay/config.h"
#include "relay/relay.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "adit-relay: %s\n", std::string(status.message()).c_str());
  return 1;
}

// Serve runs until SIGTERM or SIGINT. Signals are blocked in every thread and taken here.
int Serve(const relay::Config& config) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);   // A file that may not grow is an error of the store's.
  engine::RaiseDescriptorLimit();  // Each session has two connections at least.

  auto relay = relay::Relay::Start(config);
  if (!relay.ok()) return Fail(relay.status());
  while (true) {
    int signal = 0;
    if (::sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) break;
    (*relay)->ReloadCertificate();
  }
  (*relay)->Stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  relay::Config config;
  const relay::ParseOutcome outcome = relay::ParseCommandLine(argc, argv, config);
  if (!outcome.run) return outcome.exit_code;
  absl::Status status;
  switch (config.task) {
    case relay::Config::Task::kServe:
      return Serve(config);
    case relay::Config::Task::kRotateMasterKey:
      status = relay::RotateMasterKeyFile(config);
      break;
    case relay::Config::Task::kRecoverAdmin:
      status = relay::RecoverAdmin(config);
      break;
  }
  return status.ok() ? 0 : Fail(status);
}
