#include "client/terminal/escape_parser.h"

#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace client {
namespace {

constexpr char kControlZ = 0x1A;

Escape EscapeOf(char byte) {
  switch (byte) {
    case '.':
      return Escape::kDisconnect;
    case '?':
      return Escape::kHelp;
    case kControlZ:
      return Escape::kSuspend;
    case '#':
      return Escape::kStreams;
    case 'R':
      return Escape::kRejoin;
    default:
      return Escape::kNone;
  }
}

bool EndsLine(char byte) { return byte == '\r' || byte == '\n'; }

}  // namespace

const std::string_view kEscapeHelp =
    "Escapes, known only at the start of a line:\n"
    "  ~.   end this session\n"
    "  ~^Z  suspend adit (fg brings it back)\n"
    "  ~#   show the session and its node\n"
    "  ~R   leave this connection for a new one; the session goes on there\n"
    "  ~?   this help\n"
    "  ~~   send one ~";

EscapeParser::Step EscapeParser::Next(std::span<const std::byte> input) {
  CHECK(!input.empty());
  const std::string_view text = engine::AsText(input);
  Step step;
  if (state_ == State::kTilde) {
    const Escape escape = EscapeOf(text[0]);
    if (escape != Escape::kNone) {
      // After help or suspend the line is as empty as before: the next escape counts, too.
      state_ = State::kLineStart;
      return {.taken = 1, .escape = escape};
    }
    // "~~" sends one '~': the held one is dropped in favour of the second.
    if (text[0] != '~') step.held = "~";
    state_ = EndsLine(text[0]) ? State::kLineStart : State::kInLine;
    step.taken = 1;
  }
  for (size_t i = step.taken; i < text.size(); ++i) {
    if (text[i] == '~' && state_ == State::kLineStart) {
      state_ = State::kTilde;
      step.plain = text.substr(0, i);
      step.taken = i + 1;
      return step;
    }
    state_ = EndsLine(text[i]) ? State::kLineStart : State::kInLine;
  }
  step.plain = text;
  step.taken = text.size();
  return step;
}

}  // namespace client
