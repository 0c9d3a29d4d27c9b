#include "client/plugin/plugin_arguments.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "client/say.h"

namespace client {
namespace {

constexpr size_t kArgumentsMin = 3;  // RESPONSE REGION StartSession
constexpr size_t kRegionSizeMax = 64;

std::string At(const std::vector<std::string>& arguments, size_t index) {
  return index < arguments.size() ? arguments[index] : "";
}

PluginReply Malformed(std::string_view why) {
  return {.text = "Cannot perform start session: " + std::string(why) + "\n",
          .exit_code = kMalformedExit};
}

bool IsRegion(std::string_view text) {
  return !text.empty() && text.size() <= kRegionSizeMax && std::ranges::all_of(text, [](char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
  });
}

// The API's address where the CLI does not say one.
std::string PublicEndpoint(const std::string& region) {
  return "https://ssm." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
}

}  // namespace

PluginTask ReadPluginArguments(const std::vector<std::string>& arguments,
                               const Environment& environment) {
  if (arguments.empty()) {
    return PluginReply{
        "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a "
        "session.\n\n"};
  }
  if (arguments.size() == 1 && arguments[0] == "--version") {
    return PluginReply{std::string(kPluginVersion) + "\n"};
  }
  if (arguments.size() < kArgumentsMin) {
    return PluginReply{"\nUnknown operation " + Printable(arguments[0]) +
                       ". \nUse session-manager-plugin --version to check the version.\n\n"};
  }
  if (arguments[2] != "StartSession") return PluginReply{"Invalid Operation\n"};

  const std::string response = arguments[0] == kResponseVariable
                                   ? environment(kResponseVariable).value_or("")
                                   : arguments[0];
  absl::StatusOr<SessionTicket> ticket = ParseSessionResponse(response);
  if (!ticket.ok()) return Malformed(TextOf(ticket.status()));
  PluginStart start{
      .ticket = *std::move(ticket), .region = arguments[1], .profile = At(arguments, 3)};
  if (!IsRegion(start.region)) return Malformed("the second argument is no region");
  if (const std::string parameters = At(arguments, 4); !parameters.empty()) {
    absl::StatusOr<SessionRequest> request = ParseSessionRequest(parameters);
    if (!request.ok()) return Malformed(TextOf(request.status()));
    start.request = *std::move(request);
    start.request_json = parameters;
  }
  std::string endpoint = At(arguments, 5);
  if (endpoint.empty()) endpoint = PublicEndpoint(start.region);
  absl::StatusOr<engine::SecureUrl> url = engine::ParseSecureUrl("https", endpoint);
  if (!url.ok()) return Malformed(TextOf(url.status()));
  start.endpoint = *std::move(url);
  return start;
}

}  // namespace client
