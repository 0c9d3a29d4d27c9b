#include "client/configure_command.h"

#include <string>
#include <utility>

#include "client/client_config.h"
#include "client/command_output.h"
#include "client/config_file.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "client/terminal/terminal_question.h"

namespace client {
namespace {

// Ask changes `value`, unless the answer is empty.
absl::Status Ask(const std::string& what, const std::string& shown, Typed typed,
                 std::string& value) {
  const absl::StatusOr<std::string> answer =
      AskTerminal(what + (shown.empty() ? "" : " [" + Printable(shown) + "]") + ": ", typed);
  if (!answer.ok()) {
    return absl::FailedPreconditionError(
        "adit configure asks on a terminal, and there is none; in a script, use `adit login < "
        "FILE`, or set ADIT_RELAY, ADIT_CA, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
  }
  if (!answer->empty()) value = *answer;
  return absl::OkStatus();
}

absl::Status AskAll(const CommonFlags& flags, ClientConfig& config) {
  absl::Status status;
  if (flags.config.relay.empty()) {
    status = Ask("relay (HOST:PORT)", config.relay, Typed::kShown, config.relay);
  }
  if (status.ok() && flags.config.ca_file.empty()) {
    const std::string kept =
        config.ca_pem.empty() ? "the authorities of this machine" : "the one that is kept";
    std::string file;
    status = Ask("file with the relay's authority", kept, Typed::kShown, file);
    if (status.ok() && !file.empty()) {
      absl::StatusOr<std::string> pem = ReadSmallFile(file);
      if (!pem.ok()) return pem.status();
      config.ca_pem = *std::move(pem);
    }
  }
  if (status.ok()) {
    status = Ask("access key id", config.access_key_id, Typed::kShown, config.access_key_id);
  }
  if (status.ok()) {
    const std::string kept = config.secret_access_key.empty() ? "" : "kept";
    status = Ask("secret access key, not shown", kept, Typed::kHidden, config.secret_access_key);
  }
  if (!status.ok()) return status;
  if (config.relay.empty() || config.access_key_id.empty() || config.secret_access_key.empty()) {
    return absl::InvalidArgumentError(
        "a relay, an access key id and its secret are needed; nothing was changed");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Configure(const CommonFlags& flags, const Environment& environment) {
  absl::StatusOr<ClientConfig> config = LoadConfig(environment, flags.config);
  if (!config.ok()) return config.status();
  if (absl::Status status = AskAll(flags, *config); !status.ok()) return status;
  absl::StatusOr<engine::HostPort> address = engine::ParseHostPort(config->relay, kRelayPort);
  if (!address.ok()) return address.status();
  auto relay =
      RelayAccess::OpenWith(flags, environment, *std::move(address),
                            config->ca_pem.empty() ? engine::TlsTrust::System()
                                                   : engine::TlsTrust::Authority(config->ca_pem),
                            {.access_key_id = config->access_key_id,
                             .secret_access_key = config->secret_access_key,
                             .session_token = "",
                             .source = "what was typed",
                             .role = std::nullopt});
  if (!relay.ok()) return relay.status();
  const absl::StatusOr<Identity> identity = (*relay)->api().WhoAmI();
  if (!identity.ok()) return identity.status();
  const absl::StatusOr<std::string> path = SaveConfig(environment, *config);
  if (!path.ok()) return path.status();
  return "configured for " + (*relay)->name() + " as " + Printable(identity->arn) + " (" + *path +
         ")\nnow try: adit nodes";
}

}  // namespace

int RunConfigure(const CommonFlags& flags, const Environment& environment) {
  const absl::StatusOr<std::string> done = Configure(flags, environment);
  if (!done.ok()) return Fail(done.status());
  Say(*done);
  return 0;
}

}  // namespace client
