#include "client/say.h"

#include <unistd.h>

namespace client {
namespace {

bool raw_terminal = false;

void AppendEscaped(std::string& out, unsigned char byte) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += "\\x";
  out += kDigits[byte >> 4];
  out += kDigits[byte & 15];
}

}  // namespace

void SetSayRaw(bool raw) { raw_terminal = raw; }

void Say(std::string_view text) {
  const std::string_view end = raw_terminal ? "\r\n" : "\n";
  std::string lines = raw_terminal ? "\r" : "";
  while (true) {
    const size_t line_end = text.find('\n');
    lines += "adit: ";
    lines += text.substr(0, line_end);
    lines += end;
    if (line_end == std::string_view::npos) break;
    text.remove_prefix(line_end + 1);
  }
  std::string_view rest = lines;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, rest.data(), rest.size());
    if (written <= 0) return;  // Nobody listens, or a full pipe: a message is not worth a hang.
    rest.remove_prefix(static_cast<size_t>(written));
  }
}

std::string Printable(std::string_view foreign) {
  std::string out;
  out.reserve(foreign.size());
  for (size_t i = 0; i < foreign.size(); ++i) {
    const auto byte = static_cast<unsigned char>(foreign[i]);
    const bool c1_control =
        byte == 0xC2 && i + 1 < foreign.size() && static_cast<unsigned char>(foreign[i + 1]) < 0xA0;
    if (c1_control) {
      AppendEscaped(out, byte);
      AppendEscaped(out, static_cast<unsigned char>(foreign[++i]));
    } else if (byte < 0x20 || byte == 0x7F) {
      AppendEscaped(out, byte);
    } else {
      out += foreign[i];
    }
  }
  return out;
}

std::string TextOf(const absl::Status& status) { return std::string(status.message()); }

}  // namespace client
