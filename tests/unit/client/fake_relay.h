// A relay, and the node behind it, at the other end of a client's dials, in this process.

#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "client/carriage.h"
#include "client/lane_source.h"
#include "engine/crypto/key.h"
#include "engine/mux/join_exchange.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/net/resume_proof.h"
#include "engine/net/secure_connection.h"
#include "engine/net/tls_tunnel.h"
#include "tests/support/tls_credentials.h"
#include "tests/unit/client/fake_node.h"

namespace client {

// SessionSide is the key of one end for one session.
struct SessionSide {
  engine::crypto::PrivateKey key = engine::crypto::PrivateKey::Generate();
  engine::TlsIdentity identity{
      engine::test::Must(engine::crypto::CreateSessionCertificate(key, engine::test::kTestYear))
          .Pem(),
      key.Pem()};
};

class FakeRelay {
 public:
  // What becomes of one connection that comes. Inspected ones are served by the relay itself.
  enum class Manner {
    kHonest,
    kElsewhere,  // The session lives on loop 7.
    kRefuse,     // Its token is not accepted.
    kSwallow,    // Joined, and then raw bytes do not pass.
    kEndsTls,    // Joined, but something in between still speaks TLS, and answers with an alert.
    kOtherKey,   // Joined with somebody who holds another key than the node's.
    kWrongRole,  // A node says that it is a relay, and a relay that it is a node.
    kForgetful,  // Refuses to go on with a lane that has lost its connection.
    // On a connection for calls, where a join is to come: an end in order, and one without a word.
    kClosesJoin,
    kCutsJoin,
  };

  explicit FakeRelay(engine::LoopDriver& driver);
  ~FakeRelay();

  // A target that trusts this relay; sealed ones trust the node's key and show `client`'s, and
  // those of Resuming outlive their connections.
  LinkTarget Inspected();
  LinkTarget Sealed();
  LinkTarget Resuming();
  // And of an inspected session over a lane.
  LinkTarget InspectedLane();
  // CallsContext is for calls, which are answered whatever they ask. It lives as long as this.
  const engine::TlsContext& CallsContext();
  static engine::HostPort address();

  // What is seen of one connection.
  struct Seen {
    std::string protocol;  // ALPN.
    std::string token;     // Of the join, or of the hello.
    bool wrapped = false;
    engine::Hello hello;  // The client's.
    bool hello_came = false;
    size_t stream_count = 0;
    size_t held_count = 0;  // Opens that wait for Answer.
    bool went_on = false;   // A lane that had lost its connection goes on here.
    bool over = false;
    bool said_goodbye = false;  // The client, over its multiplexer.
  };
  const Seen& seen(size_t index) const;
  size_t count() const { return connections_.size(); }
  engine::Multiplexer& multiplexer(size_t index);
  FakeStream& stream(size_t index, size_t number);

  // Answer accepts the first open that is held; false: the client has given it up.
  bool Answer(size_t index);

  // Step does what cannot be done inside a handler; call it after each iteration.
  void Step();
  // Cut ends one connection without a word; Stop ends all, and is done when it returns true.
  void Cut(size_t index);
  bool Stop();

  std::deque<Manner> manners;  // Of the connections to come; then honest.
  SessionSide node, client, stranger;
  bool takes_early = false;  // So says each hello from now on.
  bool holds = false;        // Opens wait for Answer.

 private:
  class Connection;
  // What the node calls the lane.
  static constexpr uint32_t kLane = 3;

  void OnAccepted(engine::Accepted outcome);

  engine::LoopDriver& driver_;
  engine::test::TestAuthority authority_;
  std::unique_ptr<engine::TlsContext> context_;
  std::unique_ptr<engine::TlsContext> calls_context_;
  engine::AcceptOp accept_op_;
  engine::CloseOp close_op_;
  engine::Socket listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
  bool inspects_ = false;          // Lanes have no inner TLS.
  Connection* waiting_ = nullptr;  // Its lane waits for another connection.

  void OnListenerClosed(engine::Closed) {}
};

// FakeLanes answers from the test what the relay's API would.
class FakeLanes final : public LaneSource {
 public:
  void AskForLane(const std::string&, Done done) override { asked.push_back(std::move(done)); }
  void AskToRejoin(const std::string&, uint32_t lane, Done done) override {
    rejoined.push_back(lane);
    asked.push_back(std::move(done));
  }
  void HurryLanes(const std::string&) override { hurried = true; }

  // Step answers everything with an error once it was hurried.
  void Step() {
    while (hurried && !asked.empty()) Answer(absl::UnavailableError("it was ended early"));
  }
  void Answer(absl::StatusOr<LaneTicket> ticket) {
    const Done done = std::move(asked.front());
    asked.pop_front();
    done(std::move(ticket));
  }

  std::deque<Done> asked;
  std::vector<uint32_t> rejoined;  // The lanes that were to go on.
  bool hurried = false;
};

}  // namespace client
