// A client's end of one lane of a sealed session, and what everybody in a test proves itself with.

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/crypto/certificate.h"
#include "engine/crypto/key.h"
#include "engine/mux/join_exchange.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/joined_connection.h"
#include "engine/net/resume_proof.h"
#include "engine/tls/tls_channel.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/control.h"
#include "tests/unit/agent/peer_stream.h"

namespace agent {

// TestTrust is a relay's authority and what it issued. All of it is good at any time: the node's
// contexts ask the machine's clock.
struct TestTrust {
  static constexpr char kNode[] = "mi-0123456789abcdef0";
  static constexpr engine::crypto::Validity kAlways = {0, 4'000'000'000};

  TestTrust();
  engine::crypto::PrivateKey authority_key = engine::crypto::PrivateKey::Generate();
  std::string authority_pem;
  engine::TlsIdentity relay, node;
  std::unique_ptr<engine::TlsContext> relay_context;   // A server's, for agents and for joins.
  std::unique_ptr<engine::TlsContext> client_context;  // A client's, for joins.
};
const TestTrust& SharedTrust();

// ClientKey is a client's key for one session.
struct ClientKey {
  engine::crypto::PrivateKey key = engine::crypto::PrivateKey::Generate();
  std::string hex() const { return engine::ToHex(key.PublicFingerprint()); }
  // Inner returns the context that accepts exactly the node's session key.
  std::shared_ptr<engine::TlsContext> Inner(const std::string& session_key) const;
};

// A client whose hello names the feature `resume` outlives its connections: see Return.
class LaneClient final : private engine::JoinedConnection::Events,
                         private engine::LinkEvents,
                         private engine::JoinExchange::Events {
 public:
  // Dials at once, and says `hello` when the lane is there; no `role`: nothing at all.
  LaneClient(engine::LoopDriver& driver, engine::HostPort relay, std::string token,
             std::shared_ptr<engine::TlsContext> inner, engine::Hello hello, bool wrapped = false);
  ~LaneClient() override;

  PeerStream& Open(const engine::OpenRequest& request);
  PeerStream& Tcp(const std::string& host, uint16_t port);

  // UseSecret is for a lane of an inspected session, which has no `inner`.
  void UseSecret(const engine::ResumeSecret& secret) { secret_ = secret; }

  // Leave closes it in order, Cut without a word.
  void Leave() {
    leaves_ = true;
    if (inner_ == nullptr) multiplexer_->Goaway(engine::CloseCode::kNormal, {});
    connection_->CloseAfterOutput();
  }
  void Cut() { connection_->Close(); }

  // Return dials another connection, and says there that it goes on. `lie`, if any, changes what is
  // said. `resumed` or `goaway` tells the outcome.
  using Lie = std::function<void(engine::Resume& resume, engine::TlsChannel& channel)>;
  void Return(const std::string& token, uint64_t epoch, Lie lie = {});
  const engine::ResumeSecret& secret() const { return secret_; }

  bool suspended() const { return connection_ == nullptr; }
  bool up() const { return answer.has_value(); }
  // Over, or with no connection on which it could be.
  bool over() const { return end.has_value() || suspended(); }
  engine::Multiplexer& multiplexer() { return *multiplexer_; }

  bool secured = false;
  std::optional<engine::Hello> answer;
  std::optional<engine::CloseCode> goaway;
  std::string goaway_text;
  std::optional<engine::JoinEnd> end;
  int resumed = 0;  // How often.

 private:
  void OnSecured(engine::JoinedConnection& connection) override;
  void OnClosed(engine::JoinedConnection& connection, const engine::JoinEnd& why) override;
  void OnOpen(engine::StreamId, engine::Priority, engine::ByteView) override { ADD_FAILURE(); }
  void OnControl(engine::ByteView message) override;
  void OnGoaway(engine::CloseCode code, std::string_view text) override;
  void OnFailed(engine::CloseCode, std::string_view) override {}
  void OnStalled() override { connection_->Close(); }
  void OnMessage(const engine::ControlMessage& message) override;
  void OnBroken(std::string_view text) override { ADD_FAILURE() << text; }
  std::string ProofOf(engine::ResumeSide side, uint64_t position);
  bool resumes() const { return engine::HasFeature(hello_, engine::kFeatureResume); }
  void SayResume(engine::JoinedConnection& connection);

  engine::LoopDriver& driver_;
  const engine::HostPort relay_;
  const std::shared_ptr<engine::TlsContext> inner_;
  const engine::Hello hello_;
  engine::ResumeSecret secret_{};
  uint64_t epoch_ = 0;
  bool leaves_ = false;
  Lie lie_;
  std::unique_ptr<engine::JoinExchange> exchange_;
  std::unique_ptr<engine::JoinedConnection> connection_;
  std::unique_ptr<engine::Multiplexer> multiplexer_;
  std::vector<std::unique_ptr<PeerStream>> streams_;
};

}  // namespace agent
