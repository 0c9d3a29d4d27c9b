#include "client/command_output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "client/exit_code.h"
#include "client/say.h"

namespace client {

int Print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return 0;
  }
  // Nobody reads it, as in `| head`: without a word. A full disk is worth one.
  if (errno == EPIPE) return kOutputClosedExit;
  Say("cannot write to the standard output: " + std::string(std::strerror(errno)));
  return kOwnFailure;
}

int Fail(const absl::Status& status) {
  Say(TextOf(status));
  return kOwnFailure;
}

std::string JsonLine(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace client
