// Escapes typed into a terminal session, as in ssh: '~' at the start of a line, then a letter. Pure
// bytes in, bytes and commands out; nothing else is ever changed, so UTF-8 and paste pass unharmed.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace client {

enum class Escape : uint8_t {
  kNone,
  kDisconnect,  // ~.
  kHelp,        // ~?
  kSuspend,     // ~^Z
  kStreams,     // ~#
  kRejoin,      // ~R
};

// The lines that `~?` shows.
extern const std::string_view kEscapeHelp;

class EscapeParser {
 public:
  struct Step {
    std::string_view held;  // To send before `plain`: a '~' that was held back and is none of ours.
    std::string_view plain;         // To send as it is; a part of the input.
    size_t taken = 0;               // Bytes of the input that are dealt with, at least 1.
    Escape escape = Escape::kNone;  // To do after sending.
  };

  // Next looks at `input` up to the next escape. Call again with the rest until nothing is left. A
  // '~' that may begin an escape is held back until the next byte tells.
  // Requires: input is not empty.
  Step Next(std::span<const std::byte> input);

 private:
  enum class State : uint8_t { kLineStart, kTilde, kInLine };
  State state_ = State::kLineStart;
};

}  // namespace client
