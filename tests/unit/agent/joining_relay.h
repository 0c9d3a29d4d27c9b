// A relay for tests of the node: it joins lanes by their tokens and passes bytes on, and it speaks
// with one agent over its link. What a hostile one would do, a test makes it do.

#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/mux/join_exchange.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/net/secure_connection.h"
#include "engine/wire/control.h"

namespace engine {
class TlsContext;
}  // namespace engine

namespace agent {

// AgentLink is the relay's end of an agent's link. It answers the hello and keeps what is said.
class AgentLink final : private engine::LinkEvents {
 public:
  AgentLink(engine::SecureConnection& connection, engine::BufferPool& pool, engine::Instant now);

  void Send(const engine::ControlMessage& message);
  // Lost is for the owner, when the connection is gone.
  void Lost();

  // The first message of that kind that `matches`, if it came.
  template <class Message>
  const Message* Find(const std::string& session_id) const {
    for (const engine::ControlMessage& message : messages) {
      const auto* found = std::get_if<Message>(&message);
      if (found != nullptr && found->session_id == session_id) return found;
    }
    return nullptr;
  }

  engine::Multiplexer& multiplexer() { return multiplexer_; }
  std::optional<engine::Hello> hello;
  std::vector<engine::ControlMessage> messages;

 private:
  void OnOpen(engine::StreamId, engine::Priority, engine::ByteView) override {}
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode, std::string_view) override {}

  engine::Multiplexer multiplexer_;
};

class JoiningRelay {
 public:
  // `tls` offers `adit-join/1` and, for an agent's link, `adit/1`. Port 0 takes a free one.
  JoiningRelay(engine::LoopDriver& driver, const engine::TlsContext& tls, const std::string& host,
               uint16_t port);
  ~JoiningRelay();  // Requires: Stop() returned true.

  uint16_t port() const;

  // Expect says that those two tokens belong to one lane.
  void Expect(const std::string& one, const std::string& other);

  // CutLanes resets every joined connection; CutAgent the agent's link.
  void CutLanes();
  void CutAgent();

  // Stop cuts everything; done when it returns true.
  bool Stop();

  bool swallows = false;             // Raw legs carry nothing, as if a proxy ended TLS on the way.
  std::vector<engine::Join> joins;   // As they came.
  std::unique_ptr<AgentLink> agent;  // The newest one; none before and after.

 private:
  class Leg;

  void OnAccepted(engine::Accepted outcome);
  void OnListenerClosed(engine::Closed) {}
  void OnJoin(Leg& leg, const engine::Join& join);

  engine::LoopDriver& driver_;
  const engine::TlsContext& tls_;
  engine::AcceptOp accept_op_;
  engine::CloseOp close_op_;
  engine::Socket listener_;
  engine::Address address_;
  std::map<std::string, std::string> partners_;  // Each token to the other one.
  std::map<std::string, Leg*> waiting_;          // By token.
  std::vector<std::unique_ptr<Leg>> legs_;
};

}  // namespace agent
