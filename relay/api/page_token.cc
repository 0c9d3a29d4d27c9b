#include "relay/api/page_token.h"

#include <charconv>

#include "engine/base/bytes.h"
#include "engine/crypto/base64.h"

namespace relay {

std::string WritePageToken(std::string_view list, const PagePosition& position) {
  return engine::crypto::EncodeBase64Url(engine::AsBytes(
      std::string(list) + "|" + std::to_string(position.number) + "|" + position.name));
}

std::optional<PagePosition> ReadPageToken(std::string_view list, std::string_view token) {
  if (token.size() > kPageTokenSizeMax) return std::nullopt;
  const std::optional<std::string> text = engine::crypto::DecodeBase64Url(token);
  if (!text.has_value()) return std::nullopt;
  std::string_view rest = *text;
  if (!rest.starts_with(list)) return std::nullopt;
  rest.remove_prefix(list.size());
  if (!rest.starts_with('|')) return std::nullopt;
  rest.remove_prefix(1);
  PagePosition position;
  const auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), position.number);
  if (error != std::errc()) return std::nullopt;
  rest.remove_prefix(static_cast<size_t>(end - rest.data()));
  if (!rest.starts_with('|')) return std::nullopt;
  position.name = rest.substr(1);
  return position;
}

ApiError InvalidNextToken() { return {"InvalidNextToken", "The specified token is not valid."}; }

}  // namespace relay
