// A node with its real tables, lanes and targets on a simulated loop, the relay that joins lanes to
// it, and an echo server that sessions reach. For fuzz targets, without cryptography
// (null_channel.cc).

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "agent/session/session_table.h"
#include "agent/target/target_table.h"
#include "engine/net/loop_driver.h"
#include "engine/net/resume_proof.h"
#include "engine/wire/control.h"
#include "tests/fuzz/lane_talk.h"
#include "tests/unit/agent/joining_relay.h"
#include "tests/unit/agent/sealed_fixture.h"

namespace agent {

class LaneWorld {
 public:
  static constexpr char kTarget[] = "10.0.0.9";
  static constexpr uint16_t kTargetPort = 5432;
  static constexpr uint16_t kBlocks = 512;

  // The lowest bit of `setting` is the carriage, which is sealed or inspected; others are faults.
  explicit LaneWorld(unsigned setting);
  ~LaneWorld();  // Requires: AwaitEnd() has returned.

  // Ask is what a client's OPEN asks for.
  static std::string Ask();

  // RunUntil returns false when it was not done in that time.
  bool RunUntil(const std::function<bool()>& done, engine::Duration time);
  void RunFor(engine::Duration time) {
    (void)RunUntil([] { return false; }, time);
  }

  // The next two tokens of a lane that belong together: first the node's, then the client's.
  std::string NodeToken();
  std::string ClientToken() const { return "c-" + std::to_string(tokens_); }
  engine::SessionOffer OfferOf(const std::string& session);
  // Tell is the relay's word to the node.
  void Tell(const engine::ControlMessage& message) { table_->Handle(message); }

  // Dial comes for the lane of the newest tokens.
  std::unique_ptr<LaneTalk> Dial();
  std::unique_ptr<LaneClient> DialAs(engine::Hello hello);

  // Null: the session is inspected, and its secret is this one.
  std::shared_ptr<engine::TlsContext> inner() const;
  static engine::ResumeSecret InspectedSecret() { return {std::byte{9}, std::byte{1}}; }
  // ProofOf proves a claim on this connection as the carriage wants it.
  std::string ProofOf(const engine::ResumeSecret& secret, const engine::ResumeClaim& claim,
                      LaneTalk& talk) const;

  // EndAll ends what the node has. AwaitEnd waits for all that is left, and `others`.
  void EndAll();
  void AwaitEnd(const std::function<bool()>& others);

  bool is_sealed() const { return is_sealed_; }
  JoiningRelay& relay() { return *relay_; }
  engine::BufferPool& buffers() { return driver_.loop().buffers(); }

 private:
  const bool is_sealed_;
  engine::LoopDriver driver_;
  std::unique_ptr<JoiningRelay> relay_;
  std::unique_ptr<EchoServer> server_;
  TargetContext context_;
  std::unique_ptr<TargetTable> targets_;
  std::unique_ptr<SessionTable> table_;
  uint64_t tokens_ = 0;
};

}  // namespace agent
