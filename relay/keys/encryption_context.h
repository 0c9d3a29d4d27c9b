#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace relay::keys {

// EncryptionContext is names and values that a data key is bound to: who opens it has to know them.
using EncryptionContext = std::map<std::string, std::string, std::less<>>;

inline constexpr size_t kContextSizeMax = 8 * 1024;  // Names and values together.

// ReadContext reads a request's EncryptionContext; an absent one is empty. Nothing: it is none, or
// has more than kContextSizeMax bytes.
std::optional<EncryptionContext> ReadContext(const nlohmann::json& input);

// CanonicalContext is one text for one context.
std::string CanonicalContext(const EncryptionContext& context);

}  // namespace relay::keys
