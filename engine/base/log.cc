#include "engine/base/log.h"

#include <unistd.h>

#include <atomic>
#include <ctime>

namespace engine::log {
namespace {

std::atomic<Level> lowest_level{Level::kInfo};

constexpr std::string_view kLevelNames[] = {"DEBUG", "INFO", "WARN", "ERROR"};

std::string Pair(std::string_view key, std::string_view value) {
  constexpr char kDigits[] = "0123456789abcdef";
  bool plain = !value.empty();
  for (char c : value) plain = plain && c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
  std::string pair(key);
  pair += '=';
  if (plain) return pair.append(value);
  pair += '"';
  for (char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      pair += '\\';
      pair += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      pair += "\\x";
      pair += kDigits[byte >> 4];
      pair += kDigits[byte & 0xF];
    } else {
      pair += c;
    }
  }
  return pair += '"';
}

}  // namespace

Field::Field(std::string_view key, std::string_view value) : text(Pair(key, value)) {}
Field::Field(std::string_view key, const char* value) : text(Pair(key, value)) {}
Field::Field(std::string_view key, uint64_t number) : text(Pair(key, std::to_string(number))) {}
Field::Field(std::string_view key, int64_t number) : text(Pair(key, std::to_string(number))) {}
Field::Field(std::string_view key, int number) : text(Pair(key, std::to_string(number))) {}
Field::Field(std::string_view key, unsigned number) : text(Pair(key, std::to_string(number))) {}

void SetLevel(Level level) { lowest_level = level; }

void Write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (level < lowest_level.load(std::memory_order_relaxed)) return;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  std::tm parts{};
  ::gmtime_r(&now.tv_sec, &parts);
  char time[32];
  const size_t time_size = std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ ", &parts);
  std::string line(time, time_size);
  line.append(kLevelNames[static_cast<size_t>(level)]).append(" ").append(event);
  for (const Field& field : fields) line.append(" ").append(field.text);
  line += '\n';
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace engine::log
