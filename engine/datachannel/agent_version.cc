#include "engine/datachannel/agent_version.h"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace engine::datachannel {
namespace {

constexpr size_t kNumbersMax = 8;

struct Version {
  std::array<uint32_t, kNumbersMax> numbers{};
  size_t count = 0;
};

std::optional<Version> Parse(std::string_view text) {
  Version version;
  for (;;) {
    if (version.count == kNumbersMax) return std::nullopt;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, version.numbers[version.count++]);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(at - text.data()));
    if (text.empty()) return version;
    if (text.front() != '.') return std::nullopt;
    text.remove_prefix(1);
  }
}

}  // namespace

bool IsVersionAfter(std::string_view version, std::string_view than) {
  const auto left = Parse(version);
  const auto right = Parse(than);
  if (!left.has_value() || !right.has_value() || left->count != right->count) return false;
  return left->numbers > right->numbers;
}

bool ClientMultiplexesPorts(std::string_view client_version) {
  constexpr std::string_view kFirst = "1.1.70.0";
  return client_version == kFirst || IsVersionAfter(client_version, kFirst);
}

}  // namespace engine::datachannel
