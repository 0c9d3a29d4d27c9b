// Local programs, a forward and the node behind it, all on one simulated loop with faults by seed.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/forward.h"
#include "client/lane_connections.h"
#include "client/memory_plan.h"
#include "engine/sim/sim_loop.h"
#include "tests/unit/client/fake_node.h"

namespace client {

inline std::string Noise(size_t size) {
  engine::Random random(size);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.Next());
  return bytes;
}

// Program is a local program that uses the forwarded port.
class Program {
 public:
  Program(engine::sim::SimLoop& loop, const engine::Address& port)
      : loop_(loop),
        socket_(loop.OpenStream(AF_INET).socket),
        connect_op_(engine::Handler<engine::Connected>::To<&Program::OnConnected>(this)),
        receive_op_(engine::Handler<engine::Received>::To<&Program::OnReceived>(this)),
        send_op_(engine::Handler<engine::Sent>::To<&Program::OnSent>(this)),
        close_op_(engine::Handler<engine::Closed>::To<&Program::OnClosed>(this)) {
    loop_.Connect(connect_op_, socket_, port);
  }

  void Send(std::string text) {
    said += text;
    to_send_ = std::move(text);
    const engine::ByteView bytes = engine::AsBytes(to_send_);
    loop_.Send(send_op_, socket_, {&bytes, 1}, engine::SendMode::kCopy);
  }
  void Finish() { loop_.Shutdown(socket_, engine::ShutdownSide::kSend); }
  void Close(engine::CloseMode mode = engine::CloseMode::kOrderly) {
    if (closed || closing_) return;
    closing_ = true;
    mode_ = mode;
    loop_.Cancel(receive_op_);
    loop_.Cancel(send_op_);
    loop_.Cancel(connect_op_);
    CloseIfIdle();
  }
  bool sent() const { return !send_op_.in_flight(); }
  void ReadOn() {
    reads = true;
    if (connected && !receive_op_.in_flight())
      loop_.Receive(receive_op_, socket_, engine::ReceiveMode::kOnce);
  }

  std::string said;
  std::string read;
  bool reads = true;
  bool connected = false;
  bool closed = false;
  engine::IoError end = engine::IoError::kNone;

 private:
  void CloseIfIdle() {
    if (receive_op_.in_flight() || send_op_.in_flight() || connect_op_.in_flight()) return;
    loop_.Close(close_op_, socket_, mode_);
  }
  void OnConnected(engine::Connected outcome) {
    if (closing_) return CloseIfIdle();
    ASSERT_EQ(outcome.error, engine::IoError::kNone);
    connected = true;
    if (reads) ReadOn();
  }
  void OnReceived(engine::Received outcome) {
    if (closing_) return CloseIfIdle();
    if (outcome.error != engine::IoError::kNone) {
      end = outcome.error;
      return;
    }
    read += engine::AsText(outcome.data.bytes());
    if (reads) ReadOn();
  }
  void OnSent(engine::Sent) {
    if (closing_) CloseIfIdle();
  }
  void OnClosed(engine::Closed) { closed = true; }

  engine::sim::SimLoop& loop_;
  engine::Socket socket_;
  engine::ConnectOp connect_op_;
  engine::ReceiveOp receive_op_;
  engine::SendOp send_op_;
  engine::CloseOp close_op_;
  std::string to_send_;
  bool closing_ = false;
  engine::CloseMode mode_{};
};

// Door is a lane with a multiplexer of a FakeNode, on the loop of the forward itself.
class Door final : public LaneDoor, private LaneConnections::Events {
 public:
  Door(engine::Loop& loop, engine::Multiplexer& multiplexer, Forward& forward, LaneSet& lanes)
      : forward_(forward),
        lanes_(lanes),
        connections_(loop, multiplexer, Forward::RequestFor(forward.spec()),
                     static_cast<LaneConnections::Events&>(*this)),
        loop_(loop),
        number_(lanes.Add(*this)) {}

  void Take(LocalConnection connection) override { connections_.Take(connection); }
  void Shut() override { connections_.Shut(); }

 private:
  void OnConnectionRefused(engine::CloseCode code, std::string_view text) override {
    forward_.OnConnectionRefused(code, text);
  }
  void OnConnectionNotTaken(LocalConnection connection) override {
    forward_.OnConnectionNotTaken(number_, connection);
  }
  void OnConnectionOver() override { forward_.OnConnectionOver(number_); }
  void OnLaneBulk() override { lanes_.NoteBulk(number_, loop_.Now()); }

  Forward& forward_;
  LaneSet& lanes_;
  LaneConnections connections_;
  engine::Loop& loop_;
  const size_t number_;
};

class ForwardTest : public testing::Test, private LaneSet::Events {
 protected:
  void Make(uint64_t seed, const engine::sim::Faults& faults = {}, size_t connections_max = 64) {
    loop_ = std::make_unique<engine::sim::SimLoop>(seed, faults, 8192, 16 * 1024);
    node_ = std::make_unique<FakeNode>(*loop_, ForwardLinkOptions(1, 1));
    ForwardSpec spec{.bind = "127.0.0.1", .local_port = 5432, .host = "db", .port = 5433};
    forward_ = std::make_unique<Forward>(
        *loop_, spec, connections_max, [this](const std::string& line) { told_.push_back(line); });
    ASSERT_TRUE(forward_->Listen().ok());
    lanes_ = std::make_unique<LaneSet>(static_cast<LaneSet::Events&>(*this));
    AddLane(*node_);
    forward_->Start(*lanes_, "web-1");
    ASSERT_TRUE(engine::Address::Parse("127.0.0.1", 5432, port_));
  }

  void TearDown() override {
    if (forward_ == nullptr) return;
    forward_->Stop();
    for (auto& program : programs_) program->Close();
    Run([this] { return forward_->joined() && loop_->in_flight_count() == 0; }, 2000);
    EXPECT_TRUE(forward_->joined());
    EXPECT_EQ(loop_->in_flight_count(), 0u);
    programs_.clear();
    doors_.clear();
    forward_.reset();
    lanes_.reset();
    node_.reset();
    second_node_.reset();
    EXPECT_EQ(loop_->buffers().free_count(), loop_->buffers().block_count());
    loop_.reset();
  }

  void AddLane(FakeNode& node) {
    doors_.push_back(std::make_unique<Door>(*loop_, node.client(), *forward_, *lanes_));
  }

  Program& Connect() {
    programs_.push_back(std::make_unique<Program>(*loop_, port_));
    return *programs_.back();
  }

  template <class Done>
  void Run(Done done, int idle_max = 400) {
    for (int idle = 0; idle < idle_max && !done(); ++idle) {
      loop_->RunOnce(std::chrono::milliseconds(1));
      if (node_ != nullptr && node_->Exchange()) idle = 0;
      if (second_node_ != nullptr && second_node_->Exchange()) idle = 0;
    }
  }

  void OnEveryLaneBusy() override { ++all_busy_; }

  std::unique_ptr<engine::sim::SimLoop> loop_;
  std::unique_ptr<FakeNode> node_;
  std::unique_ptr<FakeNode> second_node_;  // The far end of a second lane, where a test makes one.
  std::unique_ptr<LaneSet> lanes_;
  std::unique_ptr<Forward> forward_;
  std::vector<std::unique_ptr<Door>> doors_;
  size_t all_busy_ = 0;
  engine::Address port_;
  std::vector<std::unique_ptr<Program>> programs_;
  std::vector<std::string> told_;
};

}  // namespace client
