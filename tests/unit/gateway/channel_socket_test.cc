// Goal: a client costs the relay no more than it has said it would hold, also one whose messages
// are empty. Method: frames by hand, and an owner that does not take anything.

#include "relay/gateway/channel_socket.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/bytes.h"
#include "engine/base/time.h"
#include "engine/datachannel/agent_message.h"
#include "engine/datachannel/agent_payloads.h"
#include "engine/http/http_message.h"

namespace relay {
namespace {

// A frame of less than 64 KiB under a mask of zeros.
std::string Frame(int first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  const bool is_long = payload.size() > 125;
  frame.push_back(static_cast<char>(0x80 | (is_long ? 126 : payload.size())));
  if (is_long) {
    frame.push_back(static_cast<char>(payload.size() >> 8));
    frame.push_back(static_cast<char>(payload.size() & 0xFF));
  }
  frame.append(4, '\0');
  return frame.append(payload);
}

constexpr int kText = 0x81;
constexpr int kBinary = 0x82;

class Owner final : public ChannelSocket::Owner {
 public:
  bool OnOpening(std::string_view) override { return ++opened > 0; }
  void OnMessages(MessageBatch batch) override {
    count += batch.sizes.size();
    weight += batch.weight();
  }
  void OnSent(size_t size) override { sent += size; }
  void HoldInput(bool hold) override { is_held = hold; }
  void OnChannelClosed(std::string_view) override { is_closed = true; }

  int opened = 0;
  size_t count = 0;
  size_t weight = 0;
  size_t sent = 0;
  bool is_held = false;
  bool is_closed = false;
};

class Carrier final : public engine::RecordCarrier {
 public:
  void OutputReady() override {}
  void CloseAfterOutput() override {}
};

class ChannelSocketTest : public testing::Test {
 protected:
  void Receive(std::string_view bytes) { socket_.ReceiveBytes(engine::AsBytes(bytes), now_); }
  // Gather takes one record of what goes out, and returns its size.
  size_t Gather() {
    std::array<engine::ByteView, 8> slices;
    const size_t count = socket_.GatherRecord(slices, now_);
    size_t size = 0;
    for (size_t i = 0; i < count; ++i) size += slices[i].size();
    if (size > 0) socket_.RecordTaken();
    return size;
  }

  const engine::Instant now_{std::chrono::hours(1)};
  Owner owner_;
  Carrier carrier_;
  engine::HttpResponse answer_ = [] {
    engine::HttpResponse answer;
    answer.status = 101;
    return answer;
  }();
  ChannelSocket socket_{carrier_, owner_, answer_, now_};
};

TEST_F(ChannelSocketTest, EmptyMessagesCostTheirSenderItsTurn) {
  Receive(Frame(kText, engine::datachannel::Encode({.request_id = "r", .token = "t"})));
  ASSERT_EQ(owner_.opened, 1);
  std::string many;
  for (int i = 0; i < 100; ++i) many += Frame(kBinary, "");
  size_t sent = 0;
  while (!owner_.is_held && sent < 100'000) {
    Receive(many);
    sent += 100;
  }
  EXPECT_TRUE(owner_.is_held) << sent << " messages wait";
  EXPECT_EQ(owner_.count, sent);
  EXPECT_LE(owner_.weight, 2 * ChannelSocket::kUntakenMax);
  socket_.Taken(owner_.weight);
  EXPECT_FALSE(owner_.is_held);
  EXPECT_FALSE(owner_.is_closed);
}

// Sessions pass messages on as they are: one that may come must be able to leave.
TEST_F(ChannelSocketTest, TheLargestMessageThatComesCanLeave) {
  Receive(Frame(kText, engine::datachannel::Encode({.request_id = "r", .token = "t"})));
  while (Gather() > 0) {
  }
  const std::string largest(engine::datachannel::kAgentMessageSizeMax, 'm');
  MessageBatch batch;
  batch.Add(engine::AsBytes("first"));
  batch.Add(engine::AsBytes(largest));
  batch.Add(engine::AsBytes("behind it"));
  socket_.Deliver(std::move(batch));
  size_t gathered = 0;
  for (size_t size = Gather(); size > 0; size = Gather()) gathered += size;
  EXPECT_EQ(owner_.sent, largest.size() + 14);
  EXPECT_GT(gathered, largest.size() + 14);
}

TEST_F(ChannelSocketTest, AMessageBeforeTheOpeningEndsIt) {
  Receive(Frame(kBinary, "x"));
  EXPECT_EQ(owner_.opened, 0);
  EXPECT_EQ(owner_.count, 0U);
}

}  // namespace
}  // namespace relay
