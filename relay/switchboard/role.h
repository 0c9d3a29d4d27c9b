#pragma once

#include <string_view>

#include "engine/base/check.h"
#include "engine/buffer/record_protocol.h"
#include "engine/net/secure_connection.h"

namespace relay {

// Role is what a connection turned out to be once TLS was set up: an API request, an agent's link,
// a client's, or one side of a lane. A visitor owns it from OnSecured until its connection is
// closed.
class Role {
 public:
  virtual ~Role() = default;

  virtual engine::RecordProtocol& protocol() = 0;

  // True once its peer has proven that it belongs here. Until then it is a stranger, who has to go
  // when there is no room for all.
  virtual bool is_known() const = 0;

  // True while something is under way that may yet end by itself: a relay that stops waits for it.
  virtual bool is_busy() const = 0;

  // Detached is the last call to a role that has called SecureConnection::Detach.
  virtual void Detached(engine::DetachedSocket) { CHECK(false); }

  // Disconnected is the last call: the connection is gone, `text` says why.
  virtual void Disconnected(std::string_view text) = 0;

  // Farewell says goodbye because the relay stops; the connection is closed when what it carries
  // has ended by itself.
  virtual void Farewell() = 0;
};

// UpgradedRole is what a connection of the API became by a request to be something else.
class UpgradedRole : public Role {
 public:
  // ReceiveBytes takes what came behind that request.
  virtual void ReceiveBytes(engine::ByteView bytes, engine::Instant now) = 0;
};

}  // namespace relay
