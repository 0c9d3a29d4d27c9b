// A forward's specification in full, which parses to the same again.

#pragma once

#include <string>

#include "client/forward_spec.h"
#include "engine/wire/host_port.h"

namespace client {

inline std::string ToText(const ForwardSpec& spec) {
  const std::string target = engine::FormatHostPort({spec.host, spec.port});
  if (!spec.socket_path.empty()) return spec.socket_path + ":" + target;
  const std::string bind = spec.bind.empty() ? "localhost" : spec.bind;
  return engine::FormatHostPort({bind, spec.local_port}) + ":" + target;
}

}  // namespace client
