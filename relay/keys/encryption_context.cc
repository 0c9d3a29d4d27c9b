#include "relay/keys/encryption_context.h"

#include <nlohmann/json.hpp>

namespace relay::keys {

std::optional<EncryptionContext> ReadContext(const nlohmann::json& input) {
  EncryptionContext context;
  const auto member = input.find("EncryptionContext");
  if (member == input.end() || member->is_null()) return context;
  if (!member->is_object()) return std::nullopt;
  size_t size = 0;
  for (const auto& [name, value] : member->items()) {
    if (!value.is_string()) return std::nullopt;
    size += name.size() + value.get_ref<const std::string&>().size();
    if (size > kContextSizeMax) return std::nullopt;
    context.emplace(name, value.get<std::string>());
  }
  return context;
}

std::string CanonicalContext(const EncryptionContext& context) {
  std::string text;
  const auto put = [&text](std::string_view part) {
    text.append(std::to_string(part.size())).append(":").append(part);
  };
  for (const auto& [name, value] : context) {
    put(name);
    put(value);
  }
  return text;
}

}  // namespace relay::keys
