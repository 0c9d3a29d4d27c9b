// Goal: what a connection has gathered it also takes, however little room there is for it, and all
// that was said arrives, the last words as well.
// Method: two ends on one simulated loop, and a speaker that is asked for the next record only once
// it was told that the one before was taken, as the multiplexer and the relay's switchboard are.

#include "engine/net/secure_connection.h"

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/sim/sim_loop.h"
#include "engine/tls/tls_channel.h"
#include "gtest/gtest.h"
#include "tests/support/tls_credentials.h"

namespace engine::test {
namespace {

constexpr uint16_t kBlockCount = 128;
constexpr uint32_t kBlockSize = 32 * 1024;
constexpr size_t kHeadSize = 8;

// Speaker says records of two slices, a head and a payload that may be sealed where it lies.
class Speaker final : public RecordProtocol {
 public:
  void Say(BufferRef payload) { waiting_.push_back(std::move(payload)); }
  void Receive(BufferRef plaintext, Instant) override { heard += AsText(plaintext.bytes()); }
  size_t GatherRecord(std::span<ByteView> slices, Instant) override {
    EXPECT_FALSE(gathered_) << "the record before was not taken";
    if (waiting_.empty()) return 0;
    gathered_ = true;
    slices[0] = head_;
    slices[1] = waiting_.front().bytes();
    return 2;
  }
  BufferRef* GatheredPayload() override { return &waiting_.front(); }
  void RecordTaken() override {
    EXPECT_TRUE(std::exchange(gathered_, false));
    waiting_.pop_front();
    ++taken_count;
  }
  Instant NextDeadline() const override { return Instant::max(); }
  void HandleDeadline(Instant) override {}

  std::string heard;
  size_t taken_count = 0;

 private:
  const std::array<std::byte, kHeadSize> head_{};
  std::deque<BufferRef> waiting_;
  bool gathered_ = false;
};

struct End final : SecureConnection::Events {
  End(Loop& loop, Socket socket, const TlsContext& context, std::string_view host)
      : connection(loop, static_cast<SecureConnection::Events&>(*this)) {
    connection.Adopt(socket, std::make_unique<TlsChannel>(context, loop.buffers(), host),
                     BufferRef());
  }
  void OnSecured(SecureConnection&) override { connection.SetProtocol(speaker); }
  void OnClosed(SecureConnection&, const ConnectionEnd& why) override { end = why; }

  Speaker speaker;
  std::optional<ConnectionEnd> end;
  SecureConnection connection;
};

class SecureConnectionTest : public ::testing::Test {
 protected:
  void Make(uint64_t seed) {
    sim::Faults faults = sim::Faults::SwarmThatLasts(seed);
    faults.bytes_per_second = 2'000'000;  // What is said at once has to wait.
    loop_.emplace(seed, faults, kBlockCount, kBlockSize);
    const auto sockets = loop_->ConnectedPair();
    server_ = std::make_unique<End>(*loop_, sockets[0], *server_context_, "");
    client_ = std::make_unique<End>(*loop_, sockets[1], *client_context_, "relay.test");
    ASSERT_TRUE(Run([&] { return server_->connection.open() && client_->connection.open(); }));
  }
  bool Run(const std::function<bool()>& done) {
    const Instant start = loop_->Now();
    while (!done()) {
      if (loop_->Now() - start > std::chrono::minutes(1)) return false;
      loop_->RunOnce(std::chrono::milliseconds(10));
    }
    return true;
  }
  void TearDown() override {
    server_->connection.Close();
    client_->connection.Close();
    EXPECT_TRUE(Run([&] { return server_->end && client_->end; }));
    server_.reset();
    client_.reset();
    EXPECT_EQ(loop_->buffers().free_count(), kBlockCount);
  }
  // Payload is `size` bytes in the middle of a block of their own, with room around them.
  BufferRef Payload(size_t size, bool has_room) {
    BufferRef payload = loop_->buffers().Take();
    payload.DropFirst(kHeadSize + kTlsRecordHeader);
    payload.KeepFirst(size);
    std::ranges::fill(payload.bytes(), std::byte{'p'});
    if (has_room) payload.GrantRoom(kHeadSize + kTlsRecordHeader, kTlsRecordTrailer);
    return payload;
  }
  size_t HeardAtClient() const { return client_->speaker.heard.size(); }

  TestAuthority authority_;
  std::unique_ptr<TlsContext> server_context_ = Must(TlsContext::Server(
      {.identity = authority_.ServerIdentity(), .protocols = {"x"}, .clock = TestClock()}));
  std::unique_ptr<TlsContext> client_context_ = Must(TlsContext::Client(
      {.trust = TlsTrust::Authority(authority_.Pem()), .protocols = {"x"}, .clock = TestClock()}));
  std::optional<sim::SimLoop> loop_;
  std::unique_ptr<End> server_, client_;
};

TEST_F(SecureConnectionTest, MoreRecordsInBlocksOfTheirOwnThanTheOutputHasSlicesAllArrive) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    if (server_ != nullptr) TearDown();
    Make(seed);
    constexpr size_t kSize = 2100, kCount = 3 * kTlsOutputSlicesMax;
    for (size_t i = 0; i < kCount; ++i) server_->speaker.Say(Payload(kSize, true));
    server_->connection.OutputReady();
    ASSERT_TRUE(Run([&] { return HeardAtClient() == kCount * (kHeadSize + kSize); }));
    EXPECT_EQ(server_->speaker.taken_count, kCount);
    EXPECT_FALSE(server_->end.has_value());
  }
}

TEST_F(SecureConnectionTest, WithoutAFreeBlockWhatIsToSayIsStillSaid) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    if (server_ != nullptr) TearDown();
    Make(seed);
    constexpr size_t kSize = 1000, kCount = 50;
    for (size_t i = 0; i < kCount; ++i) server_->speaker.Say(Payload(kSize, false));
    std::vector<BufferRef> taken;
    while (loop_->buffers().free_count() > 0) taken.push_back(loop_->buffers().Take());
    server_->connection.OutputReady();
    // They are sealed without a copy's block, and each that was sent gives a block back.
    ASSERT_TRUE(Run([&] { return server_->speaker.taken_count == kCount; }));
    taken.clear();
    ASSERT_TRUE(Run([&] { return HeardAtClient() == kCount * (kHeadSize + kSize); }));
    EXPECT_FALSE(server_->end.has_value());
  }
}

// A ping that is on its way then meets a socket that is still there, and no reset takes the words.
TEST_F(SecureConnectionTest, AfterALongSilenceTheLastWordsArrive) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    if (server_ != nullptr) TearDown();
    Make(seed);
    const Instant spoken = loop_->Now() + std::chrono::seconds(30);
    ASSERT_TRUE(Run([&] { return loop_->Now() >= spoken; }));
    server_->speaker.Say(Payload(9, false));
    server_->connection.OutputReady();
    client_->speaker.Say(Payload(70, false));
    client_->connection.OutputReady();
    client_->connection.CloseAfterOutput();
    ASSERT_TRUE(Run([&] { return server_->end && client_->end; }));
    EXPECT_EQ(server_->speaker.heard.size(), kHeadSize + 70);
    EXPECT_EQ(server_->end->kind, ConnectionEnd::Kind::kClosedByPeer) << server_->end->text;
  }
}

TEST_F(SecureConnectionTest, APeerThatIsGivenUpIsNotWaitedFor) {
  for (const bool is_given_up : {false, true}) {
    SCOPED_TRACE(is_given_up);
    if (server_ != nullptr) TearDown();
    Make(1);
    if (is_given_up) client_->connection.GiveUpPeer();
    client_->connection.CloseAfterOutput();
    ASSERT_TRUE(Run([&] { return client_->end.has_value(); }));
    EXPECT_EQ(server_->end.has_value(), !is_given_up);
    EXPECT_EQ(client_->end->kind, ConnectionEnd::Kind::kClosedByUs);
  }
}

}  // namespace
}  // namespace engine::test
