// What a data channel's connection needs of the desk that its session is at: that of AWS's clients,
// or that of original agents.
//
//     connection's loop                                session's loop
//     ChannelRole  -- Attach, Receive, Sent, Lost -->  ChannelDesk
//                  <-- Accepted, Deliver, Taken, ----
//                      Close, Drop

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "relay/gateway/message_batch.h"

namespace relay {

// ChannelId names a connection.
struct ChannelId {
  uint32_t loop = 0;
  uint64_t serial = 0;
  bool operator==(const ChannelId&) const = default;
};

// ChannelAttachment is a connection that asks for its session, and what it has shown.
struct ChannelAttachment {
  std::string session_id;
  std::string token;      // A client's.
  std::string client_id;  // A client's.
  std::string node_id;    // A node's, proven.
  std::string source_address;
  ChannelId channel;
};

class ChannelDesk {
 public:
  virtual ~ChannelDesk() = default;
  // What the connections of its sessions say. One that is not the session's any more is not heard.
  virtual void Attach(const ChannelAttachment& attachment) = 0;
  virtual void Receive(const std::string& session_id, ChannelId channel,
                       const MessageBatch& batch) = 0;
  virtual void Sent(const std::string& session_id, ChannelId channel, size_t size) = 0;
  virtual void Lost(const std::string& session_id, ChannelId channel) = 0;
};

}  // namespace relay
