#include "relay/broker/join_token.h"

#include <charconv>

#include "engine/crypto/random_bytes.h"
#include "relay/store/identifiers.h"

namespace relay {

namespace {

constexpr size_t kLaneNameBytes = 8;

}  // namespace

std::string NewLaneName() { return engine::crypto::RandomHex(kLaneNameBytes); }

std::string NewJoinToken(uint32_t loop, std::string_view lane_name) {
  return std::to_string(loop) + "." + std::string(lane_name) + "." + NewToken();
}

std::optional<JoinTokenPlace> ReadJoinToken(std::string_view token) {
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  JoinTokenPlace place;
  const auto [end, error] = std::from_chars(token.data(), token.data() + first, place.loop);
  if (error != std::errc{} || end != token.data() + first) return std::nullopt;
  place.lane_name = token.substr(first + 1, second - first - 1);
  if (place.lane_name.size() != 2 * kLaneNameBytes) return std::nullopt;
  return place;
}

}  // namespace relay
