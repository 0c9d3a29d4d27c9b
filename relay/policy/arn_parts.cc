#include "relay/policy/arn_parts.h"

namespace relay::policy {

std::optional<ArnParts> SplitArn(std::string_view text) {
  if (!text.starts_with("arn:")) return std::nullopt;
  ArnParts parts;
  size_t part = 0;
  size_t start = 0;
  bool in_variable = false;
  for (size_t i = 0; i < text.size() && part + 1 < parts.size(); ++i) {
    if (text.substr(i).starts_with("${")) in_variable = true;
    if (text[i] == '}') in_variable = false;
    if (text[i] != ':' || in_variable) continue;
    parts[part++] = text.substr(start, i - start);
    start = i + 1;
  }
  if (part + 1 != parts.size()) return std::nullopt;
  parts[part] = text.substr(start);
  return parts;
}

}  // namespace relay::policy
