#include "client/activate_command.h"

#include <nlohmann/json.hpp>
#include <string>

#include "client/command_output.h"
#include "client/expiry.h"
#include "client/json_member.h"
#include "client/relay_access.h"
#include "client/say.h"
#include "engine/http/amz_date.h"
#include "engine/wire/invitation.h"

namespace client {
namespace {

using Json = nlohmann::json;

absl::StatusOr<Json> RequestFor(const ActivateOptions& options, int64_t expires) {
  Json request = {{"RegistrationLimit", options.limit}, {"ExpirationDate", expires}};
  if (!options.name.empty()) request["DefaultInstanceName"] = options.name;
  if (!options.description.empty()) request["Description"] = options.description;
  if (!options.role.empty()) request["IamRole"] = options.role;
  for (const std::string& tag : options.tags) {
    const size_t equals = tag.find('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError("--tag wants KEY=VALUE, as in: --tag env=dev");
    }
    request["Tags"].push_back({{"Key", tag.substr(0, equals)}, {"Value", tag.substr(equals + 1)}});
  }
  return request;
}

}  // namespace

int RunActivate(const CommonFlags& flags, const Environment& environment,
                const ActivateOptions& options) {
  const absl::StatusOr<int64_t> expires = ParseExpiry(options.expires, UnixNow());
  if (!expires.ok()) return Fail(expires.status());
  const absl::StatusOr<Json> request = RequestFor(options, *expires);
  if (!request.ok()) return Fail(request.status());
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  const absl::StatusOr<engine::CaDigest> ca = (*relay)->AuthorityDigest();
  if (!ca.ok()) return Fail(ca.status());

  const auto answer = (*relay)->api().CallSsm("CreateActivation", JsonBody(*request));
  if (!answer.ok()) return Fail(answer.status());
  const absl::StatusOr<Json> json = ReadJson(*answer, "CreateActivation");
  if (!json.ok()) return Fail(json.status());
  const engine::EnrollInvitation invitation{.relay = (*relay)->address(),
                                            .ca = *ca,
                                            .activation_id = JsonText(*json, "ActivationId"),
                                            .code = JsonText(*json, "ActivationCode")};
  if (invitation.activation_id.empty() || invitation.code.empty()) {
    return Fail(NotOurs("CreateActivation"));
  }
  const std::string whom =
      options.limit == 1 ? "one node" : std::to_string(options.limit) + " nodes";
  Say("a secret, good for " + whom + " until " + engine::IsoDate(*expires) +
      "; on the node run this, then paste the line:\n  sudo adit-agent enroll --state "
      "/var/lib/adit-agent");
  return Print(engine::FormatInvitation(invitation) + "\n");
}

}  // namespace client
