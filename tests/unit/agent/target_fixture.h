// A node's targets on a real loop, with the relay's end of the link in the same process: two
// multiplexers, joined by copying records from one to the other.

#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/process/machine_programs.h"
#include "agent/target/target_table.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "engine/wire/control.h"
#include "tests/unit/agent/peer_stream.h"

namespace agent {

class TargetFixture : public ::testing::TestWithParam<engine::LoopIo>, private engine::LinkEvents {
 public:
  static void SetUpTestSuite() { engine::SignalReceiver::Block({SIGCHLD}); }

 protected:
  class Carrier final : public engine::RecordCarrier {
   public:
    void OutputReady() override {}
    void CloseAfterOutput() override { closed = true; }
    bool closed = false;
  };

  void SetUp() override;
  void TearDown() override;

  // Runs loop and link until `done`, or fails after a generous while.
  void RunUntil(const std::function<bool()>& done);

  // TakeEarly lets data go with its open, as where both hellos say so. Requires: no stream yet.
  void TakeEarly();
  // Deliver carries what is ready over the link, while no target hears of anything else.
  void Deliver() {
    RunUntil([] { return true; });
  }

  // Opens a stream to the node. The fixture keeps it.
  PeerStream& Open(const engine::OpenRequest& request);
  PeerStream& Exec(std::vector<std::string> arguments);
  PeerStream& Terminal(std::vector<std::string> arguments, engine::TerminalSize size = {});
  PeerStream& Tcp(const std::string& host, uint16_t port);
  void Send(PeerStream& stream, const engine::ControlMessage& message);

  // Cut ends the link as if the connection was lost.
  void Cut();
  static int OpenDescriptors();

  engine::Loop& loop() { return driver_->loop(); }
  engine::BufferPool& pool() { return driver_->loop().buffers(); }

  std::unique_ptr<engine::LoopDriver> driver_;
  std::unique_ptr<MachinePrograms> children_;
  std::unique_ptr<TargetContext> context_;
  std::unique_ptr<TargetTable> targets_;
  Carrier node_carrier_;
  Carrier relay_carrier_;
  std::unique_ptr<engine::Multiplexer> node_;
  std::unique_ptr<SessionLimits> limits_;
  std::unique_ptr<engine::Multiplexer> relay_;
  std::vector<std::unique_ptr<PeerStream>> streams_;
  bool cut_ = false;
  bool stalled_ = false;  // Nothing passes the link.

 private:
  class RelayEvents final : public engine::LinkEvents {
   public:
    void OnOpen(engine::StreamId, engine::Priority, engine::ByteView) override {}
    void OnControl(engine::ByteView) override {}
    void OnGoaway(engine::CloseCode, std::string_view) override {}
    void OnFailed(engine::CloseCode, std::string_view text) override { ADD_FAILURE() << text; }
  };

  void OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) override {
    targets_->Open(*node_, id, request, *limits_);
  }
  void OnControl(engine::ByteView) override {}
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode, std::string_view text) override { ADD_FAILURE() << text; }

  // Carries records from one side to the other, and returns whether there were any.
  bool Carry(engine::Multiplexer& from, engine::Multiplexer& to);

  RelayEvents relay_events_;
};

}  // namespace agent
