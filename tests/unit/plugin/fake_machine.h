// What the plugin talks to, in this process: the service's data channel, the machine behind it, and
// the API's ResumeSession and TerminateSession.

#pragma once

#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/plugin/session_response.h"
#include "engine/datachannel/agent_handshake.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/datachannel/data_channel.h"
#include "engine/http/http_message.h"
#include "engine/net/loop_driver.h"
#include "tests/support/tls_credentials.h"

namespace client {

class FakeMachine final : private engine::datachannel::StreamConsumer {
 public:
  explicit FakeMachine(engine::LoopDriver& driver);
  ~FakeMachine() override;

  // A ticket that opens its channel, and a context that trusts it.
  SessionTicket Ticket() const;
  std::unique_ptr<engine::TlsContext> ClientContext() const;

  // Say queues stream data; Shake asks for a session type and, when it was answered, says that the
  // handshake is complete. Close is the service's last word.
  void Say(engine::datachannel::PayloadType type, const std::string& bytes);
  void Shake(engine::datachannel::HandshakeRequest request);
  void Close(const std::string& output);

  // Cut ends the newest connection: without a word, or with a WebSocket's close frame.
  enum class Manner { kHard, kCloseFrame };
  void Cut(Manner manner);

  // Step does what time brings; call it after each iteration. Stop ends everything, and is done
  // when it returns true.
  void Step();
  bool Stop();

  bool AllTaken() const { return channel_.drained(); }
  size_t connection_count() const { return connections_.size(); }

  // The next answers of ResumeSession; then: a token that counts.
  std::deque<engine::HttpResponse> resume_answers;
  // While true nothing of the client's is taken.
  bool is_deaf = false;

  // What the client said.
  std::vector<engine::datachannel::OpenDataChannel> opens;
  std::vector<engine::HttpRequest> calls;
  std::string bytes;  // Of type 1.
  std::vector<std::pair<engine::datachannel::PayloadType, std::string>> others;
  std::vector<std::string> urls;
  std::function<void(engine::ByteView)> on_bytes;  // Instead of `bytes`, where set.

 private:
  class Connection;

  bool OnStreamData(engine::datachannel::PayloadType type, engine::ByteView payload) override;
  void OnAccepted(engine::Accepted outcome);
  void OnListenerClosed(engine::Closed) {}
  void Pump();

  engine::LoopDriver& driver_;
  engine::test::TestAuthority authority_;
  std::unique_ptr<engine::TlsContext> context_;
  engine::datachannel::DataChannel channel_;
  std::deque<std::pair<engine::datachannel::PayloadType, std::string>> unsent_;
  bool completes_handshake_ = false;
  engine::AcceptOp accept_op_;
  engine::CloseOp close_op_;
  engine::Socket listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
  Connection* current_ = nullptr;  // Over which the channel speaks.
};

}  // namespace client
