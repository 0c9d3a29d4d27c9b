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

#include "agent/process/child_watcher.h"
#include "agent/target/target_table.h"
#include "engine/mux/multiplexer.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "engine/wire/control.h"

namespace agent {

// PeerStream is the relay's end of one stream. It takes everything, unless it is told to hold.
class PeerStream final : public engine::StreamEvents {
 public:
  void OnAccepted() override { accepted = true; }
  void OnRejected(engine::CloseCode code, std::string_view text) override {
    rejected = code;
    reason = text;
  }
  void OnData(engine::Channel channel, engine::BufferRef payload) override {
    (channel == engine::Channel::kMain ? output : error).append(engine::AsText(payload.bytes()));
    if (holding) {
      held_bytes += payload.size();
    } else {
      multiplexer->Consume(id, payload.size());
    }
  }
  void OnControl(engine::ByteView message) override {
    engine::ControlMessage decoded;
    ASSERT_TRUE(engine::Decode(engine::AsText(message), decoded));
    ASSERT_TRUE(std::holds_alternative<engine::Exit>(decoded));
    EXPECT_FALSE(finished) << "the exit comes before the end of the output";
    exit = std::get<engine::Exit>(decoded);
  }
  void OnWritable() override { Feed(); }
  void OnFinished() override { finished = true; }
  void OnClosed(engine::CloseCode code, std::string_view text) override {
    closed = code;
    reason = text;
  }

  // Send queues `bytes` and, when `finish`, the end of what is sent.
  void Send(std::string bytes, bool finish = false) {
    to_send_ += bytes;
    finish_ = finish_ || finish;
    Feed();
  }
  void Release() {
    holding = false;
    multiplexer->Consume(id, held_bytes);
    held_bytes = 0;
  }
  bool over() const { return rejected.has_value() || closed.has_value(); }

  engine::Multiplexer* multiplexer = nullptr;
  engine::BufferPool* pool = nullptr;
  engine::StreamId id{};
  std::string output;
  std::string error;
  std::string reason;
  std::optional<engine::Exit> exit;
  std::optional<engine::CloseCode> rejected;
  std::optional<engine::CloseCode> closed;
  size_t held_bytes = 0;
  bool accepted = false;
  bool finished = false;
  bool holding = false;

 private:
  void Feed() {
    while (sent_ < to_send_.size()) {
      engine::BufferRef block = pool->Take();
      ASSERT_FALSE(block.empty());
      const size_t size = std::min(block.size(), to_send_.size() - sent_);
      std::copy_n(engine::AsBytes(to_send_).begin() + static_cast<ptrdiff_t>(sent_), size,
                  block.bytes().begin());
      const size_t taken = multiplexer->Write(id, engine::Channel::kMain, block.Share(0, size));
      sent_ += taken;
      if (taken < size) return;
    }
    if (finish_) multiplexer->Finish(id);
    finish_ = false;
  }

  std::string to_send_;
  size_t sent_ = 0;
  bool finish_ = false;
};

class TargetFixture : public ::testing::TestWithParam<engine::LoopIo>, private engine::LinkEvents {
 public:
  static void SetUpTestSuite() { SignalReceiver::Block({SIGCHLD}); }

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
  std::unique_ptr<ChildWatcher> children_;
  std::unique_ptr<TargetContext> context_;
  std::unique_ptr<TargetTable> targets_;
  Carrier node_carrier_;
  Carrier relay_carrier_;
  std::unique_ptr<engine::Multiplexer> node_;
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
    targets_->Open(*node_, id, request);
  }
  void OnControl(engine::ByteView) override {}
  void OnGoaway(engine::CloseCode, std::string_view) override {}
  void OnFailed(engine::CloseCode, std::string_view text) override { ADD_FAILURE() << text; }

  // Carries records from one side to the other, and returns whether there were any.
  bool Carry(engine::Multiplexer& from, engine::Multiplexer& to);

  RelayEvents relay_events_;
};

}  // namespace agent
