#pragma once

#include "engine/base/time.h"
#include "engine/buffer/record_protocol.h"

namespace relay {

// Role is what a connection turned out to be once TLS was set up: an API request, an agent's link
// or a client's. A visitor owns it from OnSecured until its connection is closed.
class Role {
 public:
  virtual ~Role() = default;

  virtual engine::RecordProtocol& protocol() = 0;

  // Disconnected is the last call: the connection is gone, `text` says why.
  virtual void Disconnected(std::string_view text) = 0;

  // Farewell says goodbye because the relay stops; the connection is closed when what it carries
  // has ended by itself.
  virtual void Farewell() = 0;
};

}  // namespace relay
