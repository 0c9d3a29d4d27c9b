#include "client/terminal/link_notice.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "client/say.h"
#include "client/terminal/escape_watch.h"

namespace client {
namespace {

// xterm's control sequences (XTWINOPS 22 and 23): the title is kept, and given back. Terminals that
// do not keep it show the last one that was set.
constexpr std::string_view kKeepTitle = "\x1b[22;2t";
constexpr std::string_view kOldTitle = "\x1b[23;2t";
constexpr std::string_view kTitleBegin = "\x1b]2;";
constexpr std::string_view kTitleEnd = "\x07";

bool uses_title = false;
EscapeWatch watch;
size_t waiting_bytes = 0;  // That the watch has seen, and the terminal has not.
// What is shown in place of the user's own title.
std::atomic<bool> has_title{false};

// Write does nothing where it would have to wait: a terminal that stands still must not stop us.
void Write(std::string_view bytes) {
  pollfd wait{.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  if (::poll(&wait, 1, 0) != 1 || (wait.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
}

std::string Title(std::string_view text) {
  return std::string(kTitleBegin) + std::string(text) + std::string(kTitleEnd);
}

}  // namespace

void UseTitle(bool use) {
  if (!use) GiveTitleBack();
  uses_title = use && ::isatty(STDERR_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1;
  watch = EscapeWatch();
  waiting_bytes = 0;
}

void FollowOutput(engine::ByteView output) {
  if (!uses_title) return;
  watch.Follow(output);
  waiting_bytes += output.size();
}

void OutputWritten(size_t size) { waiting_bytes -= std::min(waiting_bytes, size); }

bool TellLost(std::string_view node_label) {
  const std::string text = "the connection to " + std::string(node_label) +
                           " is lost; the session goes on when there is another one";
  if (!uses_title) {
    Say(text);
    return true;
  }
  if (waiting_bytes > 0 || !watch.is_between()) return false;
  has_title = true;  // First: a signal's handler gives back what may have been written.
  Write(std::string(kKeepTitle) + Title("adit: " + text));
  return true;
}

void TellBack(std::string_view node_label) {
  if (!uses_title) return Say("the connection to " + std::string(node_label) + " is back");
  if (has_title) Write(Title(node_label));
  GiveTitleBack();
}

void GiveTitleBack() {
  if (has_title.exchange(false)) Write(kOldTitle);
}

}  // namespace client
