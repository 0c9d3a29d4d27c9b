#include "tests/sim/log_watch.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>

namespace sim {
namespace {

std::string_view FieldOf(std::string_view line, std::string_view name) {
  const std::string key = " " + std::string(name) + "=";
  const size_t at = line.find(key);
  if (at == std::string_view::npos) return {};
  const std::string_view value = line.substr(at + key.size());
  return value.substr(0, value.find(' '));
}

uint64_t NumberOf(std::string_view line, std::string_view name) {
  const std::string_view text = FieldOf(line, name);
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

void LogWatch::Poll(Witness& witness, engine::Instant now) {
  std::array<char, 16 * 1024> bytes;
  while (true) {
    const ssize_t size = ::pread(log_, bytes.data(), bytes.size(), offset_);
    if (size <= 0) return;
    offset_ += size;
    rest_.append(bytes.data(), static_cast<size_t>(size));
    size_t begin = 0;
    for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
      Line(std::string_view(rest_).substr(begin, end - begin), witness, now);
      begin = end + 1;
    }
    rest_.erase(0, begin);
  }
}

void LogWatch::Line(std::string_view line, Witness& witness, engine::Instant now) const {
  const double seconds = std::chrono::duration<double>(now - engine::Instant{}).count();
  std::array<char, 32> time{};
  std::snprintf(time.data(), time.size(), "%12.6f  ", seconds);
  // The log's own time is another one than the world's.
  const bool is_log = line.size() > 24 && line[4] == '-';
  // Made with and without a trace: what is allocated must be the same.
  const std::string out =
      time.data() + std::string(is_log ? line.substr(line.find(' ') + 1) : line) + "\n";
  if (trace_ >= 0) static_cast<void>(!::write(trace_, out.data(), out.size()));
  const auto is = [&](std::string_view event) {
    return line.find(event) != std::string_view::npos;
  };
  if (!is(" lane_waits ") && !is(" lane_resumed ")) return;
  const Witness::LaneName lane{FieldOf(line, "session"), NumberOf(line, "lane")};
  if (is(" lane_waits ")) return witness.LaneWaits(lane, now);
  witness.LaneResumed(lane, NumberOf(line, "epoch"), now);
}

}  // namespace sim
