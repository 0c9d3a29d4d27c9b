#pragma once

#include <cstddef>

#include "relay/gateway/message_batch.h"

namespace relay {

// ChannelConnection is a client's connection as its session sees it. It may be on another loop;
// then calls become letters. To destroy it drops the connection without a word.
class ChannelConnection {
 public:
  virtual ~ChannelConnection() = default;

  // Deliver sends messages in order. The session counts what it has delivered until the connection
  // says that it has passed it on (GatewaySession::Sent), so that no connection holds much.
  virtual void Deliver(MessageBatch batch) = 0;

  // Taken says that so many bytes of what it brought are done with, where the session says so
  // itself.
  virtual void Taken(size_t /*size*/) {}

  // Close ends the connection after all that was delivered. Nothing is delivered after it.
  virtual void Close() = 0;
};

}  // namespace relay
