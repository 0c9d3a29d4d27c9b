#pragma once

#include <string>
#include <string_view>

namespace engine {

// SessionBinding returns the bytes that a node signs with its identity key when it consents to a
// sealed session: who holds which session key, in which session, towards which client. Each text is
// preceded by its size, so that no two different bindings have the same bytes.
//
//   "adit session binding v1" || 0x00 || size16(session_id) session_id
//                             || size16(session_key) session_key || size16(client_key) client_key
//
// The keys are 64 hex digits. Requires: each text is shorter than 64 KiB.
std::string SessionBinding(std::string_view session_id, std::string_view session_key,
                           std::string_view client_key);

}  // namespace engine
