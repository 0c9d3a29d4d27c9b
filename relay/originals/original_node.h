// A node with an original agent, as the switchboard sees it: our end of a link that has the role of
// an agent's. What is opened on it becomes a session of the agent's.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "engine/base/random.h"
#include "engine/base/time.h"
#include "engine/buffer/buffer_pool.h"
#include "engine/mux/multiplexer.h"
#include "relay/gateway/channel_connection.h"
#include "relay/gateway/message_batch.h"
#include "relay/originals/agent_session.h"
#include "relay/originals/verbatim_session.h"

namespace relay {

class OriginalNode final : private engine::LinkEvents, private AgentSession::Owner {
 public:
  // Runner calls Run. It must not do so in these.
  class Runner {
   public:
    virtual void Wake() = 0;
    // SendControl sends one message on the node's control channel. TakesNew is false while the
    // agent does not read what is on it: no session may begin then.
    virtual void SendControl(std::string message) = 0;
    virtual bool TakesNew() const = 0;
    // A session of the agent's is known by its id from now on, or not any more.
    virtual void OnSessionBegan(const std::string& session_id) = 0;
    virtual void OnSessionOver(const std::string& session_id) = 0;

   protected:
    ~Runner() = default;
  };

  // Sessions at once: the agent's own default.
  static constexpr size_t kSessionsMax = 1'000;

  OriginalNode(std::string node_id, std::string_view agent_version, Runner& runner,
               engine::BufferPool& pool, engine::Instant now, uint64_t seed);
  ~OriginalNode() override;

  engine::Multiplexer& link() { return link_; }

  // Find returns a session that lives, or nullptr.
  AgentSession* Find(const std::string& session_id);

  // BeginVerbatim begins a session that `client` takes part in by the agent's own messages. Null:
  // it does not begin, and `refusal` says why.
  VerbatimSession* BeginVerbatim(const SessionGrant& grant, VerbatimSession::Client& client,
                                 engine::Instant now, std::string& refusal);

  // ReceiveControl takes messages of the control channel.
  void ReceiveControl(const MessageBatch& batch, engine::Instant now);

  void Run(engine::Instant now);
  engine::Instant NextDeadline() const;

  // LinkClosed says that the link is over, and with it everything.
  void LinkClosed();

 private:
  void OnOpen(engine::StreamId id, engine::Priority priority, engine::ByteView request) override;
  void OnControl(engine::ByteView) override {}
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode, std::string_view) override {}

  engine::Multiplexer& multiplexer() override { return link_; }
  engine::BufferPool& pool() override { return pool_; }
  void Wake() override { runner_.Wake(); }
  void TellAgent(std::string message) override { runner_.SendControl(std::move(message)); }

  // Crowded says why no session may begin now; an empty text: one may.
  std::string_view Crowded() const;
  void Add(const std::string& session_id, std::unique_ptr<AgentSession> session);

  const std::string node_id_;
  Runner& runner_;
  engine::BufferPool& pool_;
  engine::Random random_;
  engine::Multiplexer link_;
  absl::flat_hash_map<std::string, std::unique_ptr<AgentSession>> sessions_;
  engine::Instant now_;
};

}  // namespace relay
