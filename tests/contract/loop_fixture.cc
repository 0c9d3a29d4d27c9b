#include "tests/contract/loop_fixture.h"

#include <cstdio>
#include <utility>

#include "engine/epoll/epoll_loop.h"
#include "engine/sim/sim_loop.h"
#include "engine/uring/uring_loop.h"

namespace engine {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::vector<Backend> RealBackends() {
  return {{.name = "uring", .real = true}, {.name = "epoll", .real = true}};
}

std::vector<Backend> AllBackends() {
  std::vector<Backend> backends = RealBackends();
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    backends.push_back({.name = "sim" + std::to_string(seed), .real = false, .seed = seed});
  }
  return backends;
}

std::vector<Backend> RealForwardBackends() {
  std::vector<Backend> backends = RealBackends();
  for (Backend backend : RealBackends()) {
    backend.name += "_copies";
    backend.copies = true;
    backends.push_back(backend);
  }
  return backends;
}

std::vector<Backend> ForwardBackends() {
  std::vector<Backend> backends = AllBackends();
  for (const Backend& backend : RealForwardBackends()) {
    if (backend.copies) backends.push_back(backend);
  }
  return backends;
}

std::string BackendName(const testing::TestParamInfo<Backend>& info) { return info.param.name; }

std::unique_ptr<Loop> MakeLoop(const Backend& backend, uint16_t block_count, uint32_t block_size) {
  if (!backend.real) {
    return std::make_unique<sim::SimLoop>(backend.seed, sim::Faults{}, block_count, block_size);
  }
  std::unique_ptr<PosixLoop> loop;
  if (backend.name.starts_with("epoll")) {
    loop = std::make_unique<EpollLoop>(block_count, block_size);
  } else {
    std::string why;
    UringLoop::Options options{.block_count = block_count, .block_size = block_size, .lent_max = 4};
    loop = UringLoop::Create(options, why);
    if (loop == nullptr) std::printf("io_uring: %s\n", why.c_str());
  }
  if (loop != nullptr && backend.copies) loop->pipes().LimitTo(0);
  return loop;
}

std::string Pattern(size_t size, uint32_t salt) {
  std::string bytes(size, '\0');
  uint32_t state = salt * 2654435761u + 1;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

void Receiver::On(Received received) {
  Note();
  ++completions;
  finals += received.more ? 0 : 1;
  error = received.error;
  size += received.data.size();
  EXPECT_EQ(received.data.empty(), error != IoError::kNone);
  if (keep_bytes) bytes += AsText(received.data.bytes());
  if (hold && !received.data.empty()) held.push_back(std::move(received.data));
  received.data = {};
  if (then) then();
}

void Sender::On(Sent sent) {
  Note();
  ++completions;
  finals += sent.more ? 0 : 1;
  error = sent.error;
  size = sent.size;
  if (then) then();
}

void Forwarder::On(Forwarded forwarded) {
  Note();
  ++finals;
  error = forwarded.error;
  at_sender = forwarded.at_sender;
  size = forwarded.size;
  EXPECT_NE(error, IoError::kNone);
  if (then) then();
}

void Acceptor::On(Accepted accepted) {
  Note();
  finals += accepted.more ? 0 : 1;
  error = accepted.error;
  EXPECT_EQ(accepted.socket.valid(), error == IoError::kNone);
  if (accepted.socket.valid()) sockets.push_back(accepted.socket);
  if (then) then();
}

void LoopFixture::SetUp() {
  loop_ = MakeLoop(GetParam(), kBlocks, kBlockSize);
  if (loop_ == nullptr) GTEST_SKIP() << "this kernel refuses " << GetParam().name;
}

void LoopFixture::TearDown() {
  if (loop_ == nullptr) return;
  while (!open_.empty()) Close(open_.back());
  EXPECT_EQ(loop_->in_flight_count(), 0u);
}

void LoopFixture::Run(Duration wait_max) {
  inside_ = true;
  loop_->RunOnce(wait_max);
  inside_ = false;
}

bool LoopFixture::RunUntil(const std::function<bool()>& done) {
  const Instant start = loop_->Now();
  while (!done()) {
    if (loop_->Now() - start > seconds(10)) {
      ADD_FAILURE() << "nothing happened for 10 s";
      return false;
    }
    Run(milliseconds(100));
  }
  return true;
}

void LoopFixture::Settle() {
  const Instant start = loop_->Now();
  for (int i = 0; i < 10 || loop_->Now() - start < milliseconds(20); ++i) Run(milliseconds(2));
}

Socket LoopFixture::ListenOnLoopback(int backlog) {
  Address local;
  EXPECT_TRUE(Address::Parse("127.0.0.1", 0, local));
  const Opened opened = loop_->Listen(local, backlog);
  EXPECT_EQ(opened.error, IoError::kNone);
  open_.push_back(opened.socket);
  return opened.socket;
}

std::array<Socket, 2> LoopFixture::Pair() {
  const Socket listener = ListenOnLoopback();
  const Address address = loop_->LocalAddress(listener);
  Acceptor acceptor(inside_);
  Connector connector(inside_);
  loop_->Accept(acceptor.op, listener);
  const Opened client = loop_->OpenStream(address.family());
  EXPECT_EQ(client.error, IoError::kNone);
  loop_->Connect(connector.op, client.socket, address);
  EXPECT_TRUE(RunUntil([&] { return connector.finals == 1 && acceptor.sockets.size() == 1; }));
  EXPECT_EQ(connector.error, IoError::kNone);
  loop_->Cancel(acceptor.op);
  EXPECT_TRUE(RunUntil([&] { return acceptor.finals == 1; }));
  Close(listener);
  open_.push_back(client.socket);
  open_.push_back(acceptor.sockets[0]);
  return {client.socket, acceptor.sockets[0]};
}

void LoopFixture::Close(Socket socket, CloseMode mode) {
  std::erase(open_, socket);
  Closer closer(inside_);
  loop_->Close(closer.op, socket, mode);
  EXPECT_TRUE(RunUntil([&] { return closer.finals == 1; }));
  EXPECT_EQ(closer.error, IoError::kNone);
}

void LoopFixture::Send(Sender& sender, Socket socket, std::string_view bytes, SendMode mode) {
  const ByteView slice = AsBytes(bytes);
  loop_->Send(sender.op, socket, {&slice, 1}, mode);
}

}  // namespace engine
