#include "engine/audit/chain_file_name.h"

#include <charconv>

namespace engine::audit {
namespace {

constexpr std::string_view kPrefix = "adit-audit-";
constexpr std::string_view kSuffix = ".jsonl";
constexpr size_t kDateSize = 8;
constexpr size_t kDigits = 20;  // Of the greatest uint64_t.

}  // namespace

std::string ChainFileName(std::string_view date, uint64_t first) {
  const std::string number = std::to_string(first);
  return std::string(kPrefix) + std::string(date) + "-" +
         std::string(kDigits - number.size(), '0') + number + std::string(kSuffix);
}

std::optional<uint64_t> FirstOf(std::string_view name) {
  constexpr size_t kDateEnd = kPrefix.size() + kDateSize;
  if (name.size() != kDateEnd + 1 + kDigits + kSuffix.size()) return std::nullopt;
  uint64_t first = 0;
  const char* const digits = name.data() + kDateEnd + 1;
  const auto [end, error] = std::from_chars(digits, digits + kDigits, first);
  if (error != std::errc() || end != digits + kDigits) return std::nullopt;
  const std::string_view date = name.substr(kPrefix.size(), kDateSize);
  if (date.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  return ChainFileName(date, first) == name ? std::optional(first) : std::nullopt;
}

}  // namespace engine::audit
