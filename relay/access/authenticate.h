// Who sends a request: AWS Signature Version 4 against the access keys of the store.

#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "engine/http/http_message.h"
#include "relay/access/api_error.h"
#include "relay/access/caller.h"

namespace relay {

class Store;

// A signature counts for this long before and after the time it names.
inline constexpr int64_t kSignatureSkewMaxSeconds = 5 * 60;

// Authenticate returns the caller, or what is wrong with the proof:
//   MissingAuthenticationTokenException  there is none
//   IncompleteSignatureException         the header is malformed, or does not sign what it must
//   UnrecognizedClientException          no such access key, or a session token (there are none
//   yet) InvalidSignatureException            another secret or message, another scope, or skewed
//   clocks InternalServerError                  the store does not work
// The hash of the body is always computed here, whatever the request says about it.
std::variant<Caller, ApiError> Authenticate(const engine::HttpRequest& request,
                                            std::string_view service, Store& store,
                                            int64_t now_unix_ms);

}  // namespace relay
