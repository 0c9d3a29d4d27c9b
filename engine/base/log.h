// Structured log lines for people and for machines: `time level event key=value ...` on stderr.
// Never a secret: no token, key, code or password is ever passed to a Field.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace engine::log {

enum class Level : uint8_t { kDebug, kInfo, kWarning, kError };

// Field is one key=value pair; values with spaces, quotes or control bytes are quoted and escaped,
// so that foreign text can neither break a line nor drive a terminal.
struct Field {
  Field(std::string_view key, std::string_view text);
  Field(std::string_view key, const char* text);
  Field(std::string_view key, uint64_t number);
  Field(std::string_view key, int64_t number);
  Field(std::string_view key, int number);
  Field(std::string_view key, unsigned number);
  std::string text;  // "key=value", escaped.
};

// Write emits one line in one write(2), from any thread. Lines below the level set are dropped.
void Write(Level level, std::string_view event, std::initializer_list<Field> fields = {});

// SetLevel sets the lowest level that is written (default kInfo).
void SetLevel(Level level);

}  // namespace engine::log
