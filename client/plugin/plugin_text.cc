#include "client/plugin/plugin_text.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "client/forward_spec.h"
#include "client/say.h"

namespace client {

std::string StartText(std::string_view session_id) {
  return "\nStarting session with SessionId: " + std::string(session_id) + "\n";
}

std::string ClosedText(std::string_view session_id, std::string_view output) {
  if (output.empty()) {
    return "\n\nExiting session with sessionId: " + std::string(session_id) + ".\n\n";
  }
  return "\n\nSessionId: " + std::string(session_id) + " : " + PrintableLines(output) + "\n\n";
}

std::string TimedOutText(std::string_view session_id) {
  return "Session: " + std::string(session_id) + " timed out.\n";
}

std::string CannotText(std::string_view why) {
  return "Cannot perform start session: " + PrintableLines(why) + "\n";
}

std::string OpenedText(const ForwardSpec& spec, std::string_view local,
                       std::string_view session_id) {
  const std::string what = spec.socket_path.empty()
                               ? "Port " + std::string(local.substr(local.rfind(':') + 1))
                               : "Unix socket " + std::string(local);
  return what + " opened for sessionId " + std::string(session_id) + ".";
}

std::string MuxAcceptedText(std::string_view session_id) {
  return "\nConnection accepted for session [" + std::string(session_id) + "]\n";
}

std::string BasicAcceptedText(std::string_view session_id) {
  return "Connection accepted for session " + std::string(session_id) + ".\n";
}

std::string PrintableLines(std::string_view foreign) {
  std::string out;
  while (true) {
    const size_t end = std::min(foreign.find('\n'), foreign.size());
    out += Printable(foreign.substr(0, end));
    if (end == foreign.size()) return out;
    out += '\n';
    foreign.remove_prefix(end + 1);
  }
}

void PrintTo(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // Nobody listens; a message is not worth a hang.
    text.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace client
