// A node's sealed sessions in virtual time: its tables, a relay that joins, a client's lanes, and a
// server behind the node, on one simulated loop. What the relay says and hears is in memory.

#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/process/machine_programs.h"
#include "agent/session/session_table.h"
#include "agent/target/target_table.h"
#include "engine/crypto/identity_key.h"
#include "engine/net/loop_driver.h"
#include "engine/sim/faults.h"
#include "engine/wire/control.h"
#include "tests/unit/agent/joining_relay.h"
#include "tests/unit/agent/lane_client.h"

namespace agent {

// EchoServer is a program behind the node: it sends back what comes, the end included. One that
// does not read takes what the kernel holds, and no more, until it is told to.
class EchoServer {
 public:
  EchoServer(engine::Loop& loop, const std::string& host, uint16_t port);
  ~EchoServer();

  void ReadOn();
  bool Stop();  // Cuts everything; done when it returns true.

  bool reads = true;
  bool echoes = true;         // Otherwise it finishes at once, and counts.
  uint64_t read_bytes = 0;    // Of all connections ...
  size_t finished_count = 0;  // ... and those whose end was read.
  size_t reset_count = 0;

 private:
  class Connection;
  void OnAccepted(engine::Accepted outcome);
  void OnListenerClosed(engine::Closed) {}

  engine::Loop& loop_;
  engine::AcceptOp accept_op_;
  engine::CloseOp close_op_;
  engine::Socket listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

class SealedFixture : public ::testing::Test {
 public:
  static void SetUpTestSuite() { engine::SignalReceiver::Block({SIGCHLD}); }

 protected:
  static constexpr char kRelay[] = "10.0.0.1";
  static constexpr char kTarget[] = "10.0.0.9";
  static constexpr uint16_t kTargetPort = 5432;
  static constexpr char kSession[] = "admin-1";

  void SetUp() override { Make({}); }
  void TearDown() override;

  struct Shape {
    size_t sessions_max = SessionTable::kSessionsMax;
    size_t targets_max = 64;
    engine::sim::Faults faults{};
  };
  // Make builds the world anew; it is made once with a default Shape already.
  void Make(Shape shape);

  // Runs the world until `done`, in virtual time; false: it is not after five minutes. RunFor runs
  // it for so long.
  bool Run(const std::function<bool()>& done);
  void RunFor(engine::Duration time);

  // An offer of tcp to kTarget, whose tokens the relay knows: the client's is "c-" and `token`.
  engine::SessionOffer Offer(const std::string& token, const std::string& session = kSession);
  // Say is the relay's word.
  void Say(const engine::ControlMessage& message) { table_->Handle(message); }
  // OfferLane makes the relay offer one more lane.
  void OfferLane(const std::string& token, const std::string& session = kSession);

  // Heard is what was said to the relay until now.
  const std::vector<engine::ControlMessage>& Heard();
  const engine::SessionAnswer* Answer(const std::string& session = kSession);
  std::vector<engine::StreamNews> News();
  const engine::SessionOver* Over(const std::string& session = kSession);

  engine::Hello ClientHello(const std::string& session = kSession);
  // Join makes a client that comes with the token "c-" and `token`.
  LaneClient& Join(const std::string& token);
  LaneClient& Join(const std::string& token, const ClientKey& key, engine::Hello hello,
                   bool wrapped = false);
  // JoinInspected is Join for a session that was offered without the client's key.
  LaneClient& JoinInspected(const std::string& token, engine::Hello hello,
                            const engine::ResumeSecret& secret);
  // Meet does all of it: one session with one lane that is up.
  LaneClient& Meet(const engine::SessionOffer& offer);
  LaneClient& Meet() { return Meet(Offer("1")); }

  engine::Loop& loop() { return driver_->loop(); }

  uint64_t seed_ = 1;
  engine::crypto::IdentityKey identity_ = engine::crypto::IdentityKey::Generate();
  ClientKey client_key_;
  std::unique_ptr<engine::LoopDriver> driver_;
  std::unique_ptr<JoiningRelay> relay_;
  std::unique_ptr<EchoServer> server_;
  std::unique_ptr<TargetTable> targets_;
  std::unique_ptr<SessionTable> table_;
  std::vector<std::unique_ptr<LaneClient>> clients_;
  std::vector<engine::ControlMessage> heard_;

 private:
  void Destroy();

  // Children need a loop of the real kernel; no program is started in these tests.
  std::unique_ptr<engine::Loop> process_loop_;
  std::unique_ptr<MachinePrograms> children_;
  std::unique_ptr<TargetContext> context_;
};

}  // namespace agent
