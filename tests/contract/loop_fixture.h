// What the contract tests share: one loop of each backend, and ops that record how they ended.

#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/loop/loop.h"

namespace engine {

struct Backend {
  std::string name;
  bool real;            // Runs on the kernel's descriptors.
  uint64_t seed = 0;    // For the simulator.
  bool copies = false;  // Forwards have no pipes.
  friend void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }
};

// MakeLoop returns nullptr when this kernel refuses the backend.
std::unique_ptr<Loop> MakeLoop(const Backend& backend, uint16_t block_count, uint32_t block_size);

std::vector<Backend> AllBackends();
std::vector<Backend> RealBackends();
// ForwardBackends and RealForwardBackends are the same once more, with and without pipes.
std::vector<Backend> ForwardBackends();
std::vector<Backend> RealForwardBackends();
std::string BackendName(const testing::TestParamInfo<Backend>& info);

// Bytes that differ at every offset that matters.
std::string Pattern(size_t size, uint32_t salt = 0);

// Recorders own one op each, note every completion, and then call `then` if it is set. They check
// that handlers run inside RunOnce() only.
class Recorder {
 public:
  explicit Recorder(const bool& inside_run_once) : inside_run_once_(inside_run_once) {}

 protected:
  void Note() const { EXPECT_TRUE(inside_run_once_) << "a handler ran outside RunOnce()"; }
  const bool& inside_run_once_;
};

struct Receiver : Recorder {
  using Recorder::Recorder;
  ReceiveOp op{Handler<Received>::To<&Receiver::On>(this)};
  std::string bytes;
  int completions = 0;
  int finals = 0;
  IoError error = IoError::kNone;  // Of the last completion.
  bool hold = false;               // Keep the blocks.
  bool keep_bytes = true;          // Off where the test counts allocations.
  size_t size = 0;
  std::vector<BufferRef> held;
  std::function<void()> then;
  void On(Received received);
};

struct Sender : Recorder {
  using Recorder::Recorder;
  SendOp op{Handler<Sent>::To<&Sender::On>(this)};
  int completions = 0;
  int finals = 0;
  IoError error = IoError::kNone;
  uint32_t size = 0;
  std::function<void()> then;
  void On(Sent sent);
};

struct Forwarder : Recorder {
  using Recorder::Recorder;
  ForwardOp op{Handler<Forwarded>::To<&Forwarder::On>(this)};
  int finals = 0;
  IoError error = IoError::kNone;
  bool at_sender = false;
  uint64_t size = 0;
  std::function<void()> then;
  void On(Forwarded forwarded);
};

struct Acceptor : Recorder {
  using Recorder::Recorder;
  AcceptOp op{Handler<Accepted>::To<&Acceptor::On>(this)};
  std::vector<Socket> sockets;
  int finals = 0;
  IoError error = IoError::kNone;
  std::function<void()> then;
  void On(Accepted accepted);
};

template <class Outcome>
struct Simple : Recorder {
  using Recorder::Recorder;
  OpOf<Outcome> op{Handler<Outcome>::template To<&Simple::On>(this)};
  int finals = 0;
  IoError error = IoError::kNone;
  std::function<void()> then;
  void On(Outcome outcome) {
    Note();
    error = outcome.error;
    ++finals;
    if (then) then();
  }
};
using Connector = Simple<Connected>;
using Timer = Simple<Fired>;
using Closer = Simple<Closed>;

class LoopFixture : public testing::TestWithParam<Backend> {
 protected:
  static constexpr uint16_t kBlocks = 16;
  static constexpr uint32_t kBlockSize = 4096;

  void SetUp() override;
  void TearDown() override;

  // Run calls RunOnce() once.
  void Run(Duration wait_max);
  // RunUntil runs until `done` says so, and fails the test after 10 s of the loop's time.
  [[nodiscard]] bool RunUntil(const std::function<bool()>& done);
  // Settle runs long enough for everything that can happen to have happened.
  void Settle();

  // Pair returns two connected sockets, through a listener on the loopback address.
  std::array<Socket, 2> Pair();
  Socket ListenOnLoopback(int backlog = 16);
  void Close(Socket socket, CloseMode mode = CloseMode::kOrderly);
  void Send(Sender& sender, Socket socket, std::string_view bytes, SendMode mode = SendMode::kCopy);
  bool real() const { return GetParam().real; }

  std::unique_ptr<Loop> loop_;
  bool inside_ = false;
  std::vector<Socket> open_;  // Closed at the end of the test.
};

}  // namespace engine
