// How the user reads that a session's connection is away, and back: a line each on stderr. While
// the terminal is raw a line would land in the middle of what a program has drawn; then the
// window's title says it instead, and the terminal keeps the old title meanwhile.
//
// Like the terminal there is one of it. UseTitle and FollowOutput belong to the main thread; where
// no terminal is raw the others may be called on any.

#pragma once

#include <cstddef>
#include <string_view>

#include "engine/base/bytes.h"

namespace client {

// UseTitle is told when the terminal becomes raw, if it is one that has titles, and when it is
// itself again (`use` is false), which gives back the old title. Without stdout and stderr on a
// terminal it does nothing.
void UseTitle(bool use);

// FollowOutput is told what is to go to the terminal, and OutputWritten how much of it has gone, so
// that a title never splits a control sequence.
void FollowOutput(engine::ByteView output);
void OutputWritten(size_t size);

// `node_label` is printable. TellLost returns false when this is no moment for it; TellBack follows
// one that returned true.
[[nodiscard]] bool TellLost(std::string_view node_label);
void TellBack(std::string_view node_label);

// GiveTitleBack may be called from a signal handler.
void GiveTitleBack();

}  // namespace client
