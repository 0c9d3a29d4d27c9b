// Base64 (RFC 4648): one text for one value, both ways.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/bytes.h"

namespace engine::crypto {

// EncodeBase64 uses `+`, `/` and padding; EncodeBase64Url uses `-`, `_` and no padding.
std::string EncodeBase64(ByteView bytes);
std::string EncodeBase64Url(ByteView bytes);

// DecodeBase64 and DecodeBase64Url accept exactly what their encoder writes and return nothing for
// any other text: no white space, no missing or extra padding, no stray bits after the last byte.
std::optional<std::string> DecodeBase64(std::string_view text);
std::optional<std::string> DecodeBase64Url(std::string_view text);

}  // namespace engine::crypto
