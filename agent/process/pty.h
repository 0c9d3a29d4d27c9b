// A pseudo-terminal: the pair of a master, which the agent reads and writes, and a slave, which is
// the terminal of a shell. pty_posix.cc is the one implementation so far.

#pragma once

#include <sys/types.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "agent/process/owned_descriptor.h"
#include "engine/wire/control.h"

namespace agent {

struct Pty {
  Descriptor master;
  Descriptor slave;
};

// OpenPty makes a terminal of `size` that understands UTF-8. It opens neither end as anybody's
// controlling terminal, and both close on exec.
absl::StatusOr<Pty> OpenPty(engine::TerminalSize size);

// ResizePty sets the size; the foreground process group hears SIGWINCH. A terminal that is gone is
// ignored.
void ResizePty(int master, engine::TerminalSize size);

// PtyForeground returns the process group that has the terminal, or 0 when there is none.
pid_t PtyForeground(int master);

// PtyEndOfInput returns the byte that means "end of input" on this terminal, as the program set it
// (Ctrl-D by default), or 0 when the program turned that off.
char PtyEndOfInput(int master);

// PtyType types `text` as a user would; what the terminal has no room for is lost. A shell that
// still starts finds it waiting.
void PtyType(int master, std::string_view text);

// PtyTypeEndOfInput types that byte, if the terminal has room for it.
void PtyTypeEndOfInput(int master);

}  // namespace agent
