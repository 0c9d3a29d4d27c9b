#include "client/whoami_command.h"

#include <nlohmann/json.hpp>
#include <string>

#include "client/command_output.h"
#include "client/relay_access.h"
#include "client/say.h"

namespace client {
namespace {

using Json = nlohmann::ordered_json;

std::string Text(const Identity& identity, const RelayAccess& relay, const Credentials& key) {
  return "arn      " + Printable(identity.arn) + "\nuser id  " + Printable(identity.user_id) +
         "\naccount  " + Printable(identity.account) + "\nkey      " +
         Printable(key.access_key_id) + " (from " + Printable(key.source) + ")\nrelay    " +
         relay.name() + "\n";
}

std::string Line(const Identity& identity, const RelayAccess& relay, const Credentials& key) {
  const Json json = {{"arn", identity.arn},
                     {"user_id", identity.user_id},
                     {"account", identity.account},
                     {"access_key_id", key.access_key_id},
                     {"relay", relay.name()}};
  return JsonLine(json);
}

}  // namespace

int RunWhoAmI(const CommonFlags& flags, const Environment& environment,
              const WhoAmIOptions& options) {
  const auto relay = RelayAccess::Open(flags, environment);
  if (!relay.ok()) return Fail(relay.status());
  ApiClient& api = (*relay)->api();
  const absl::StatusOr<Identity> identity = api.WhoAmI();
  if (!identity.ok()) return Fail(identity.status());
  return Print(options.format == OutputFormat::kJson ? Line(*identity, **relay, api.credentials())
                                                     : Text(*identity, **relay, api.credentials()));
}

}  // namespace client
