#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"

namespace engine {

// The longest first flight that is looked at. Real ones have less than 4 KiB even with post-quantum
// key shares; the limit keeps a slow drip from holding memory.
inline constexpr size_t kClientHelloSizeMax = 16 * 1024;

// ClientHello is what a client says before anything is decided or encrypted.
struct ClientHello {
  enum class State : uint8_t {
    kNeedMore,  // A beginning of a ClientHello; call again with all bytes when there are more.
    kNotTls,    // Something else: not TLS, or not well-formed.
    kTooLarge,  // Does not end within kClientHelloSizeMax.
    kOk,
  };
  State state = State::kNeedMore;
  std::string server_name;             // SNI, or empty.
  std::vector<std::string> protocols;  // ALPN in the client's order, or empty.

  bool Offers(std::string_view protocol) const;
};

// PeekClientHello looks at the first bytes of a connection, from its very beginning, and consumes
// nothing: the same bytes go to a TlsChannel afterwards. A relay decides by it which thread takes
// the socket. Until the message is whole this looks at lengths alone, so that bytes that drip in
// cost no more than their count.
ClientHello PeekClientHello(ByteView bytes);

}  // namespace engine
