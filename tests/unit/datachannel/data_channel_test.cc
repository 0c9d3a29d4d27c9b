// Goal: two sides of a channel understand each other, keep the orders on which real clients depend,
// and go on after a cut.
// Method: two channels, whose messages the test carries by hand.

#include "engine/datachannel/data_channel.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/datachannel/agent_payloads.h"
#include "tests/support/allocation_count.h"
#include "tests/unit/datachannel/channel_testing.h"

namespace engine::datachannel {
namespace {

using std::chrono::milliseconds;

class Channels : public testing::Test {
 protected:
  static std::vector<std::string> All(DataChannel& channel, Instant now) {
    std::vector<std::string> messages;
    for (;;) {
      std::string bytes = NextBytes(channel, now);
      if (bytes.empty()) return messages;
      messages.push_back(std::move(bytes));
    }
  }
  // Exchange carries everything both ways until nobody has anything to say.
  void Exchange() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const std::string& bytes : All(client, now)) {
        Deliver(machine, bytes, now);
        moved = true;
      }
      for (const std::string& bytes : All(machine, now)) {
        Deliver(client, bytes, now);
        moved = true;
      }
    }
  }
  static MessageType TypeOf(std::string_view bytes) {
    AgentMessage message;
    EXPECT_EQ(Decode(AsBytes(bytes), message), AgentMessageError::kNone);
    return message.type;
  }
  static AgentMessage Of(MessageType type, std::string_view payload = "{}") {
    return {.type = type, .created_ms = kCreatedMs, .payload = AsBytes(payload)};
  }

  Instant now{std::chrono::hours(1)};
  Collector client_hears;
  Collector machine_hears;
  DataChannel client{DataChannel::Side::kClient, {}, client_hears, 1};
  DataChannel machine{DataChannel::Side::kMachine, {}, machine_hears, 2};
};

TEST_F(Channels, BytesPassBothWaysAndAreAcknowledged) {
  client.Send(PayloadType::kOutput, AsBytes("ls\n"));
  machine.Send(PayloadType::kOutput, AsBytes("a b c"));
  machine.Send(PayloadType::kStdErr, AsBytes("!"));
  EXPECT_FALSE(machine.drained());
  Exchange();
  EXPECT_EQ(machine_hears.text, "ls\n");
  EXPECT_EQ(client_hears.text, "a b c!");
  EXPECT_EQ(client_hears.types,
            (std::vector<PayloadType>{PayloadType::kOutput, PayloadType::kStdErr}));
  EXPECT_TRUE(machine.drained());
  EXPECT_TRUE(client.drained());
  EXPECT_EQ(machine.NextDeadline(), Instant::max());
}

// Trap P4: the acknowledgement of the handshake's response must come before its completion.
TEST_F(Channels, AnAnswerComesBehindTheAcknowledgementOfWhatItAnswers) {
  class Answering final : public StreamConsumer {
   public:
    bool OnStreamData(PayloadType, ByteView) override {
      channel->Send(PayloadType::kHandshakeComplete, AsBytes("{}"));
      return true;
    }
    DataChannel* channel = nullptr;
  } answering;
  DataChannel other(DataChannel::Side::kMachine, {}, answering, 3);
  answering.channel = &other;
  client.Send(PayloadType::kHandshakeResponse, AsBytes("{}"));
  for (const std::string& bytes : All(client, now)) Deliver(other, bytes, now);
  const std::vector<std::string> answers = All(other, now);
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(TypeOf(answers[0]), MessageType::kAcknowledge);
  EXPECT_EQ(TypeOf(answers[1]), MessageType::kOutputStreamData);
}

// Trap P1: an acknowledgement that comes at once finds its message.
TEST_F(Channels, AnAcknowledgementCanNotComeTooEarly) {
  machine.Send(PayloadType::kOutput, AsBytes("x"));
  Deliver(client, NextBytes(machine, now), now);
  Deliver(machine, NextBytes(client, now), now);
  EXPECT_TRUE(machine.drained());
  now += std::chrono::hours(1);
  machine.HandleDeadline(now);
  EXPECT_FALSE(machine.HasNext());
}

TEST_F(Channels, AfterACutNothingIsLostOrTwice) {
  for (int i = 0; i < 5; ++i) machine.Send(PayloadType::kOutput, AsBytes(std::to_string(i)));
  client.Send(PayloadType::kOutput, AsBytes("in"));
  const std::vector<std::string> sent = All(machine, now);
  // Two arrive; their acknowledgements and all that follows are lost with the connection.
  Deliver(client, sent[0], now);
  Deliver(client, sent[1], now);
  All(client, now);
  client.Disconnected();
  machine.Disconnected();
  EXPECT_FALSE(machine.HasNext());
  EXPECT_EQ(NextBytes(machine, now), "");
  EXPECT_EQ(machine.NextDeadline(), Instant::max());
  machine.Send(PayloadType::kOutput, AsBytes("5"));
  client.Connected();
  machine.Connected();
  Exchange();
  EXPECT_EQ(client_hears.text, "012345");
  EXPECT_EQ(machine_hears.text, "in");
  EXPECT_TRUE(machine.drained());
}

TEST_F(Channels, AcknowledgementsThatWereNotSentSurviveACut) {
  machine.Send(PayloadType::kOutput, AsBytes("x"));
  Deliver(client, NextBytes(machine, now), now);
  client.Disconnected();
  client.Connected();
  EXPECT_EQ(TypeOf(NextBytes(client, now)), MessageType::kAcknowledge);
}

TEST_F(Channels, APausedMachineIsSilentUntilTheOtherSideIsHeard) {
  const AgentMessage signs[] = {Of(MessageType::kStartPublication), Of(MessageType::kAcknowledge),
                                InputData(0, "key")};
  for (const AgentMessage& sign : signs) {
    Exchange();
    EXPECT_TRUE(machine.Receive(Of(MessageType::kPausePublication), now));
    machine.Send(PayloadType::kOutput, AsBytes("held"));
    EXPECT_EQ(NextBytes(machine, now), "");
    EXPECT_TRUE(machine.Receive(sign, now));
    EXPECT_TRUE(machine.HasNext()) << Name(sign.type);
  }
}

TEST_F(Channels, AClientIgnoresAPause) {
  EXPECT_TRUE(client.Receive(Of(MessageType::kPausePublication), now));
  client.Send(PayloadType::kOutput, AsBytes("key"));
  EXPECT_NE(NextBytes(client, now), "");
}

TEST_F(Channels, WhatEndsTheChannelIsItsOwners) {
  EXPECT_FALSE(client.Receive(Of(MessageType::kChannelClosed), now));
  EXPECT_FALSE(machine.Receive(Of(MessageType::kAgentSessionState), now));
}

TEST_F(Channels, OurOwnDirectionSentBackIsNothing) {
  EXPECT_TRUE(client.Receive(InputData(0, "echo"), now));
  EXPECT_EQ(client_hears.text, "");
  EXPECT_FALSE(client.HasNext());
}

TEST_F(Channels, AMessageThatIsRefusedIsRepeatedAndArrives) {
  machine_hears.takes = false;
  client.Send(PayloadType::kSize, AsBytes(R"({"cols":80,"rows":24})"));
  Exchange();
  EXPECT_FALSE(client.drained());
  machine_hears.takes = true;
  now += milliseconds(200);
  client.HandleDeadline(now);
  Exchange();
  EXPECT_EQ(machine_hears.types, (std::vector<PayloadType>{PayloadType::kSize}));
  EXPECT_TRUE(client.drained());
}

TEST_F(Channels, AcknowledgementsThatCanNotLeaveAreBounded) {
  // A flood of repeated messages, while nothing can be sent.
  Deliver(
      machine,
      [this] {
        client.Send(PayloadType::kOutput, AsBytes("x"));
        return NextBytes(client, now);
      }(),
      now);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(machine.Receive(InputData(0, "x"), now));
  EXPECT_TRUE(machine.Receive(InputData(1, "dropped"), now));
  EXPECT_EQ(All(machine, now).size(), DataChannel::kAcknowledgementsMax);
  EXPECT_EQ(machine_hears.text, "x");
  EXPECT_TRUE(machine.Receive(InputData(1, "y"), now));
  EXPECT_EQ(machine_hears.text, "xy");
}

TEST_F(Channels, ABusyChannelTakesNothingFromTheHeap) {
  class Counter final : public StreamConsumer {
   public:
    bool OnStreamData(PayloadType, ByteView payload) override {
      size += payload.size();
      return true;
    }
    size_t size = 0;
  } hears[2];
  DataChannel from(DataChannel::Side::kMachine, {}, hears[0], 1);
  DataChannel to(DataChannel::Side::kClient, {}, hears[1], 2);
  const std::string payload(kStreamPayloadMax, 'p');
  std::array<std::byte, DataChannel::kOutgoingSizeMax> bytes;
  const auto carry = [&](DataChannel& a, DataChannel& b) {
    AgentMessage message;
    while (const size_t size = a.NextMessage(now, kCreatedMs, bytes)) {
      ASSERT_EQ(Decode(ByteView(bytes).first(size), message), AgentMessageError::kNone);
      b.Receive(message, now);
    }
  };
  uint64_t before = 0;
  for (int round = 0; round < 20; ++round) {
    if (round == 2) before = AllocationCount();
    for (int i = 0; i < 200; ++i) from.Send(PayloadType::kOutput, AsBytes(payload));
    carry(from, to);
    carry(to, from);
  }
  EXPECT_EQ(AllocationCount() - before, 0u);
  EXPECT_EQ(hears[1].size, 20u * 200 * kStreamPayloadMax);
}

TEST_F(Channels, TheLargestMessageFits) {
  const std::string payload(kStreamPayloadMax, 'p');
  machine.Send(PayloadType::kOutput, AsBytes(payload));
  const std::string bytes = NextBytes(machine, now);
  EXPECT_EQ(bytes.size(), DataChannel::kOutgoingSizeMax);
  EXPECT_GE(DataChannel::kOutgoingSizeMax, kAgentPayloadOffset + kAcknowledgeTextMax);
}

TEST_F(Channels, WhatIsTakenLaterIsAcknowledgedThen) {
  machine_hears.takes = false;
  client.Send(PayloadType::kOutput, AsBytes(std::string_view("waits")));
  Exchange();
  EXPECT_FALSE(client.drained());
  machine.Retry();
  Exchange();
  EXPECT_FALSE(client.drained());
  machine_hears.takes = true;
  machine.Retry();
  EXPECT_EQ(machine_hears.text, "waits");
  EXPECT_EQ(All(machine, now).size(), 1u) << "without waiting for a repetition";
  machine.Retry();
  EXPECT_TRUE(All(machine, now).empty()) << "once";
}

TEST_F(Channels, WhatARepetitionMakesTheConsumerTakeIsAcknowledgedOnce) {
  machine_hears.takes = false;
  client.Send(PayloadType::kOutput, AsBytes(std::string_view("waits")));
  const std::string bytes = NextBytes(client, now);
  Deliver(machine, bytes, now);
  machine_hears.takes = true;
  Deliver(machine, bytes, now);
  EXPECT_EQ(machine_hears.text, "waits");
  EXPECT_EQ(All(machine, now).size(), 1u);
}

}  // namespace
}  // namespace engine::datachannel
