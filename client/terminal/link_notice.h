// How the user reads that a session's connection is away, and back: a line each on stderr. While
// the terminal is raw a line would land in the middle of what a program has drawn; then the
// window's title says it instead, and the terminal keeps the old title meanwhile.
//
// Like the terminal there is one of it; on the main thread alone.

#pragma once

#include <string_view>

#include "engine/base/bytes.h"

namespace client {

// UseTitle is told when the terminal becomes raw, if it is one that has titles, and when it is
// itself again (`use` is false), which gives back the old title.
void UseTitle(bool use);

// FollowOutput is told what goes to the terminal, so that a title never splits a control sequence.
void FollowOutput(engine::ByteView output);

// `node_label` is printable. TellBack follows a TellLost.
void TellLost(std::string_view node_label);
void TellBack(std::string_view node_label);

// GiveTitleBack may be called from a signal handler.
void GiveTitleBack();

}  // namespace client
