#pragma once

#include <string_view>

#include "engine/wire/frame.h"

namespace engine {

// PeerError says which rule of PROTOCOL.md the other side broke. It ends the link: `code` and
// `text` go into the goaway. The default value is "nothing is wrong".
struct [[nodiscard]] PeerError {
  CloseCode code = CloseCode::kNormal;
  std::string_view text;  // Static.

  bool ok() const { return code == CloseCode::kNormal; }
  static PeerError Protocol(std::string_view text) { return {CloseCode::kProtocolError, text}; }
};

}  // namespace engine
