#include "engine/wire/session_binding.h"

#include <cstdint>
#include <limits>

#include "engine/base/check.h"

namespace engine {

std::string SessionBinding(std::string_view session_id, std::string_view session_key,
                           std::string_view client_key) {
  constexpr std::string_view kContext("adit session binding v1\0", 24);
  std::string out(kContext);
  for (std::string_view text : {session_id, session_key, client_key}) {
    CHECK(text.size() <= std::numeric_limits<uint16_t>::max());
    out.push_back(static_cast<char>(text.size() >> 8));
    out.push_back(static_cast<char>(text.size() & 0xFF));
    out.append(text);
  }
  return out;
}

}  // namespace engine
