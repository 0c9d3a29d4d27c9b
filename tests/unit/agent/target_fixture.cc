#include "tests/unit/agent/target_fixture.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>

namespace agent {

using std::chrono::milliseconds;
using std::chrono::seconds;

void TargetFixture::SetUp() {
  engine::LoopOptions options;
  options.io = GetParam();
  options.block_count = 1024;
  absl::StatusOr<std::unique_ptr<engine::Loop>> loop = engine::CreateLoop(options);
  if (!loop.ok()) GTEST_SKIP() << "needs this kernel to give the loop: " << loop.status();
  driver_ = std::make_unique<engine::LoopDriver>(std::move(*loop));
  children_ = std::make_unique<MachinePrograms>(driver_->loop(), ::geteuid());
  // Sessions run as whoever runs the test; where that is root, as a user that every Debian has.
  context_ = std::make_unique<TargetContext>(
      TargetContext{driver_->loop(), driver_->resolver(), children_.get(), InheritedEnvironment{}});
  targets_ = std::make_unique<TargetTable>(*context_);
  engine::MultiplexerOptions node_options;
  node_options.output_bytes_per_stream_max = kStreamOutputMax;
  engine::LinkEvents& node_events = *this;
  node_ = std::make_unique<engine::Multiplexer>(engine::Side::kConnected, node_options, node_events,
                                                pool(), driver_->loop().Now());
  relay_ =
      std::make_unique<engine::Multiplexer>(engine::Side::kAccepted, engine::MultiplexerOptions{},
                                            relay_events_, pool(), driver_->loop().Now());
  limits_ = std::make_unique<SessionLimits>(driver_->loop(), *node_);
  node_->Attach(node_carrier_);
  relay_->Attach(relay_carrier_);
  for (engine::Multiplexer* side : {relay_.get(), node_.get()}) {
    ASSERT_TRUE(side->SendControl(engine::kLinkStream, engine::Encode(engine::Hello{})));
  }
}

void TargetFixture::TearDown() {
  if (driver_ == nullptr) return;
  Cut();
  RunUntil([this] { return targets_->count() == 0; });
  children_->Close();
  RunUntil([this] { return children_->closed(); });
}

bool TargetFixture::Carry(engine::Multiplexer& from, engine::Multiplexer& to) {
  bool any = false;
  std::array<engine::ByteView, engine::kRecordSlicesMax> slices;
  while (pool().free_count() > 0) {
    const size_t count = from.GatherRecord(slices, loop().Now());
    if (count == 0) break;
    engine::BufferRef block = pool().Take();
    size_t size = 0;
    for (const engine::ByteView slice : std::span(slices).first(count)) {
      std::copy(slice.begin(), slice.end(), block.bytes().begin() + static_cast<ptrdiff_t>(size));
      size += slice.size();
    }
    from.RecordTaken();
    to.Receive(block.Share(0, size), loop().Now());
    any = true;
  }
  return any;
}

void TargetFixture::RunUntil(const std::function<bool()>& done) {
  const engine::Instant deadline = loop().Now() + seconds(30);
  while (true) {
    bool any = false;
    if (!cut_ && !stalled_) {
      any = Carry(*relay_, *node_);
      any = Carry(*node_, *relay_) || any;
      for (engine::Multiplexer* side : {relay_.get(), node_.get()}) {
        if (side->NextDeadline() <= loop().Now()) side->HandleDeadline(loop().Now());
      }
    }
    if (done()) return;
    // Short, since some conditions are about sockets that the loop does not know.
    driver_->RunOnce(any ? seconds(0) : milliseconds(2));
    targets_->Sweep();
    ASSERT_LT(loop().Now(), deadline) << "nothing happened in time";
  }
}

void TargetFixture::TakeEarly() {
  for (engine::Multiplexer* side : {relay_.get(), node_.get()}) side->PeerTakesEarly();
}

PeerStream& TargetFixture::Open(const engine::OpenRequest& request) {
  streams_.push_back(std::make_unique<PeerStream>());
  PeerStream& stream = *streams_.back();
  stream.multiplexer = relay_.get();
  stream.pool = &pool();
  stream.id = relay_->Open(engine::Priority::kInteractive,
                           engine::AsBytes(engine::EncodeOpen(request)), stream);
  EXPECT_NE(stream.id, engine::kLinkStream);
  return stream;
}

PeerStream& TargetFixture::Exec(std::vector<std::string> arguments) {
  engine::ExecRequest request;
  request.session_id = "s-1";
  request.principal = "tester";
  request.run_as = ::geteuid() == 0 ? "daemon" : "";
  request.arguments = std::move(arguments);
  return Open(request);
}

PeerStream& TargetFixture::Terminal(std::vector<std::string> arguments, engine::TerminalSize size) {
  engine::ExecRequest request;
  request.session_id = "s-1";
  request.principal = "tester";
  request.run_as = ::geteuid() == 0 ? "daemon" : "";
  request.arguments = std::move(arguments);
  request.with_terminal = true;
  request.size = size;
  return Open(request);
}

PeerStream& TargetFixture::Tcp(const std::string& host, uint16_t port) {
  engine::TcpRequest request;
  request.session_id = "s-1";
  request.principal = "tester";
  request.host = host;
  request.port = port;
  return Open(request);
}

void TargetFixture::Send(PeerStream& stream, const engine::ControlMessage& message) {
  EXPECT_TRUE(relay_->SendControl(stream.id, engine::Encode(message)));
}

void TargetFixture::Cut() {
  if (cut_) return;
  cut_ = true;
  node_->Disconnected(engine::CloseCode::kNodeGone, "cut");
  targets_->EndAll(engine::CloseCode::kNodeGone, "cut");
  relay_->Disconnected(engine::CloseCode::kNodeGone, "cut");
}

int TargetFixture::OpenDescriptors() {
  int count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

}  // namespace agent
