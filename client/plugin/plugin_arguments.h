// The command line by which the AWS CLI runs the plugin, which is an interface like any other:
//
//     session-manager-plugin                                   "was installed successfully"
//     session-manager-plugin --version
//     session-manager-plugin RESPONSE REGION StartSession [PROFILE [PARAMETERS [ENDPOINT]]]
//
// RESPONSE is the answer of StartSession, or the name of the variable that holds it. PARAMETERS are
// the request's, as JSON; only older CLIs leave out what is in brackets.

#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/environment.h"
#include "client/plugin/session_response.h"
#include "engine/http/secure_url.h"

namespace client {

// What `--version` prints and the handshake carries. The CLI hands the answer over in a variable,
// where other users cannot read it, from 1.2.498.0 on; machines look at four numbers.
inline constexpr std::string_view kPluginVersion = "1.2.707.0";

// The one value of RESPONSE that is no JSON, and the variable's name.
inline constexpr const char* kResponseVariable = "AWS_SSM_START_SESSION_RESPONSE";

inline constexpr int kMalformedExit = 2;  // As the original ends where it cannot go on.

// PluginReply is all there is to do: print and end.
struct PluginReply {
  std::string text;  // For stdout, with its line breaks.
  int exit_code = 0;
};

struct PluginStart {
  SessionTicket ticket;
  std::string region;
  std::string profile;         // Empty: the environment's own.
  SessionRequest request;      // Empty where the CLI did not say.
  std::string request_json;    // The same as it came.
  engine::SecureUrl endpoint;  // Of the API.
};

using PluginTask = std::variant<PluginReply, PluginStart>;

// ReadPluginArguments takes what stands after the program's name.
PluginTask ReadPluginArguments(const std::vector<std::string>& arguments,
                               const Environment& environment);

}  // namespace client
