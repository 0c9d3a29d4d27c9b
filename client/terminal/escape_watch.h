#pragma once

#include <cstdint>

#include "engine/base/bytes.h"

namespace client {

// EscapeWatch follows what a program writes to a terminal, just far enough to know whether other
// bytes may come now: not in the middle of a control sequence or of a character. The states are
// those of a VT500 parser (vt100.net/emu/dec_ansi_parser), and UTF-8's.
class EscapeWatch {
 public:
  void Follow(engine::ByteView output);
  // True where nothing that was begun is left open.
  bool is_between() const { return state_ == State::kText && continuation_bytes_ == 0; }

 private:
  enum class State : uint8_t {
    kText,
    kEscape,   // After ESC.
    kControl,  // After ESC [, until its final byte.
    kString,   // After ESC ], P, X, ^ or _, until BEL or ESC \.
  };
  void Next(uint8_t byte);

  State state_ = State::kText;
  int continuation_bytes_ = 0;  // That the character still lacks.
};

}  // namespace client
