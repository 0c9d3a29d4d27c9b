// The one way in which `adit` talks to its user: lines on stderr that begin with "adit: ". stdout
// carries the remote's bytes and nothing else.

#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace client {

// Say writes one line, or several when `text` has line breaks, in one write(2). While the terminal
// is raw each line ends with a carriage return too, and begins at the left edge.
void Say(std::string_view text);

// SetSayRaw tells Say that the terminal no longer turns a line feed into a new line.
void SetSayRaw(bool raw);

// Printable returns foreign text with control bytes made visible, so that it cannot drive the
// terminal: what a relay or a node wrote is shown, never obeyed. UTF-8 is left as it is, except for
// the C1 controls.
std::string Printable(std::string_view foreign);

// TextOf is a status's message without its code: what Say takes.
std::string TextOf(const absl::Status& status);

}  // namespace client
