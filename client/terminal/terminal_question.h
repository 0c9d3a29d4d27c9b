#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace client {

// SilentTerminal hides what is typed or pasted, as for a password, while it lives, and not after
// Ctrl-C either. One at a time; what is no terminal is left alone.
class SilentTerminal {
 public:
  explicit SilentTerminal(int descriptor);
  ~SilentTerminal();
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  bool active_ = false;
};

enum class Typed : uint8_t { kShown, kHidden };

// AskTerminal asks on the controlling terminal, whatever standard input is, and returns the line
// that is typed, at most 4 KiB. NotFound: there is no terminal.
absl::StatusOr<std::string> AskTerminal(const std::string& question, Typed typed);

}  // namespace client
