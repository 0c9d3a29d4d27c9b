#include "client/uri_text.h"

#include <charconv>

namespace client {

std::string UriDecoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && text.size() - i > 2) {
      const char* begin = text.data() + i + 1;
      const auto [rest, error] = std::from_chars(begin, begin + 2, value, 16);
      if (error == std::errc{} && rest == begin + 2) {
        out.push_back(static_cast<char>(value));
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

}  // namespace client
