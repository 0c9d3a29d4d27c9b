// The seam at which what passes through the gateway can be recorded.

#pragma once

#include "engine/base/bytes.h"
#include "engine/wire/control.h"

namespace relay {

// Passage sees a session's bytes in the order in which they pass: what the client typed when it is
// on its way to the node, and what the client is shown when it is on its way there. What is
// repeated on the wire is seen once. It may keep copies; it must neither block nor fail.
class Passage {
 public:
  enum class Kind : uint8_t { kOutput, kErrorOutput };

  virtual ~Passage() = default;
  virtual void OnInput(engine::ByteView bytes) = 0;
  virtual void OnOutput(Kind kind, engine::ByteView bytes) = 0;
  virtual void OnResize(engine::TerminalSize size) = 0;
};

}  // namespace relay
