// The user's own terminal: raw while a session has it, and given back on every way out.

#pragma once

#include <string>
#include <string_view>

#include "client/environment.h"
#include "engine/wire/control.h"

namespace client {

// RawTerminal puts one terminal into raw mode and restores it:
//   - in its destructor and in Restore();
//   - at exit(), for a path that forgot;
//   - when SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGABRT or a fault ends the process: the handler calls
//     only async-signal-safe functions, then lets the signal do what it did before;
//   - before SIGTSTP stops the process (Suspend), with raw mode again afterwards.
// Only SIGKILL cannot be answered. One object at a time: a process has one terminal.
class RawTerminal {
 public:
  // Takes over the terminal behind `descriptor`. active() is false when it is none, or when it
  // refuses; nothing has changed then. `has_title`: notices may go to its window's title.
  RawTerminal(int descriptor, bool has_title);
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  bool active() const { return active_; }

  // Restore gives the terminal back as it was found; calling it twice does no harm.
  void Restore();

  // Suspend restores, stops the whole job as ^Z at a shell does, and is raw again when the job is
  // brought back. Returns after that.
  void Suspend();

  // Reenter makes it raw again after somebody else changed it, as a shell does that stopped us.
  void Reenter();

 private:
  bool Enter();

  const int descriptor_;
  const bool has_title_;
  bool active_ = false;
};

// TerminalSizeOf returns the window size of the terminal behind `descriptor`, or `fallback` when it
// is none or does not know.
engine::TerminalSize TerminalSizeOf(int descriptor, engine::TerminalSize fallback = {});

// TerminalName returns TERM, or the commonest one where it is not set.
std::string TerminalName(const Environment& environment);

// HasTitle says whether a terminal of that name takes a title; others, such as `dumb` and `vt100`,
// show the bytes that should set one.
bool HasTitle(std::string_view terminal_name);

}  // namespace client
