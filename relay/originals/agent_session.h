#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/datachannel/control_payloads.h"
#include "engine/mux/multiplexer.h"
#include "relay/gateway/channel_connection.h"
#include "relay/gateway/message_batch.h"

namespace relay {

// AgentSession is a session of an original agent as its node has it: what comes on its data channel
// and, of it, on the control channel.
class AgentSession {
 public:
  // Owner is the node.
  class Owner {
   public:
    virtual engine::Multiplexer& multiplexer() = 0;
    virtual engine::BufferPool& pool() = 0;
    // Wake asks for a call of Run.
    virtual void Wake() = 0;
    // TellAgent sends a message on the control channel.
    virtual void TellAgent(std::string message) = 0;

   protected:
    ~Owner() = default;
  };

  // How long the agent has to open the session's data channel; and to open it anew, for which it
  // tries about six seconds.
  static constexpr engine::Duration kStartMax = std::chrono::seconds(30);
  static constexpr engine::Duration kAwayMax = std::chrono::seconds(15);
  // How long an agent may take to say that a session is over that was ended here.
  static constexpr engine::Duration kLeaveMax = std::chrono::seconds(10);
  // What was delivered to a connection and is not sent yet.
  static constexpr size_t kUnsentMax = 64 * 1024;

  virtual ~AgentSession() = default;

  // Open takes a stream of the session. False: it takes none, or none any more.
  virtual bool Open(engine::StreamId) { return false; }

  virtual void Connect(std::unique_ptr<ChannelConnection> connection, engine::Instant now) = 0;
  virtual void Disconnect(engine::Instant now) = 0;
  virtual void Receive(const MessageBatch& batch, engine::Instant now) = 0;
  virtual void Sent(size_t size) = 0;

  // Complete is the agent's word that it is over.
  virtual void Complete(const engine::datachannel::TaskComplete& task, engine::Instant now) = 0;
  // End ends it from this side, because of `reason`.
  virtual void End(std::string_view reason, engine::Instant now) = 0;

  virtual void Run(engine::Instant now) = 0;
  virtual engine::Instant NextDeadline() const = 0;
  // over is true when the session may be destroyed.
  virtual bool over() const = 0;
};

}  // namespace relay
