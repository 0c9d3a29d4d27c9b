// An error answer of the relay's API, and what it means for the user.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/credentials.h"
#include "engine/http/http_message.h"

namespace client {

struct ApiError {
  int status = 0;       // Of HTTP.
  std::string code;     // "AccessDeniedException", without a name space; empty: not an API answer.
  std::string message;  // As the relay wrote it.
  std::string request_id;    // By which the audit record knows the call.
  int64_t skew_seconds = 0;  // Our clock minus the relay's, if the answer tells; else 0.
};

// ParseApiError reads an answer whose status is not 200. `now` is our clock, in unix seconds.
ApiError ParseApiError(const engine::HttpResponse& response, int64_t now);

// ApiErrorText says what went wrong and what to do next.
std::string ApiErrorText(const ApiError& error, const Credentials& credentials);

// SkewText says how far a clock is off: "10 min ahead of", "3 h behind".
std::string SkewText(int64_t skew_seconds);

}  // namespace client
