#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace relay {

// JsonFault is the first thing that is wrong with a text.
struct JsonFault {
  enum class Kind : uint8_t {
    kSyntax,          // No JSON at `line` and `column`.
    kRepeatedMember,  // `member` stands twice in one object.
    kTooDeep,         // More objects and lists within one another than may be.
  };
  Kind kind = Kind::kSyntax;
  std::string member;
  size_t line = 0;    // Counted from 1.
  size_t column = 0;  // Bytes of that line before it.
};

// FindJsonFault looks at every token before anything is built: a text without a fault can be parsed
// by whoever wants its values, and that cannot fail.
std::optional<JsonFault> FindJsonFault(std::string_view text, size_t depth_max);

}  // namespace relay
