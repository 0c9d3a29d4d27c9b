#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "relay/gateway/message_batch.h"
#include "relay/switchboard/channel_desk.h"

namespace relay {

// ClientHost runs the client's side of one session of an AWS client, on its node's loop.
class ClientHost {
 public:
  virtual ~ClientHost() = default;

  virtual const std::string& session_id() const = 0;
  virtual ChannelId channel() const = 0;

  // Connect makes a connection the session's, or says why not.
  virtual std::string Connect(ChannelId channel, std::string_view client_id) = 0;
  virtual void Disconnect() = 0;
  // Receive takes what the client says. True: it is done with; false: the host tells the connection
  // when it is.
  virtual bool Receive(const MessageBatch& batch) = 0;
  virtual void Sent(size_t size) = 0;
  // End ends the session with a word, and Cut without; GatewayDesk::Left follows, later.
  virtual void End(std::string_view text) = 0;
  virtual void Cut() = 0;
};

}  // namespace relay
