// Goal: the channel's own payloads are written as real programs write them, and read however real
// programs leave things out.
// Method: texts as they were seen on the wire, then variations of each.

#include "engine/datachannel/agent_payloads.h"

#include <gtest/gtest.h>

#include <string>

namespace engine::datachannel {
namespace {

constexpr std::string_view kSeenAcknowledge =
    R"({"AcknowledgedMessageType":"output_stream_data",)"
    R"("AcknowledgedMessageId":"25f1d262-dc22-4ef4-bf03-629cb506af4d",)"
    R"("AcknowledgedMessageSequenceNumber":12,"IsSequentialMessage":true})";

TEST(Acknowledge, IsWrittenAsItWasSeen) {
  Acknowledge acknowledge{.type = MessageType::kOutputStreamData, .sequence = 12};
  ASSERT_TRUE(ParseMessageId("25f1d262-dc22-4ef4-bf03-629cb506af4d", acknowledge.id));
  std::array<char, kAcknowledgeTextMax> text;
  const size_t size = EncodeAcknowledge(acknowledge, text);
  EXPECT_EQ(std::string_view(text.data(), size), kSeenAcknowledge);
  acknowledge.sequence = INT64_MIN;
  EXPECT_LT(EncodeAcknowledge(acknowledge, text), kAcknowledgeTextMax);
}

TEST(Acknowledge, IsReadInItsUsualFormAndInAnyOther) {
  int64_t sequence = 0;
  EXPECT_TRUE(DecodeAcknowledge(AsBytes(kSeenAcknowledge), sequence));
  EXPECT_EQ(sequence, 12);
  for (const std::string_view text : {
           R"({"IsSequentialMessage":true,"AcknowledgedMessageSequenceNumber":34})",
           R"( { "AcknowledgedMessageSequenceNumber" : 34 , "Unknown" : [1] } )",
           R"({"AcknowledgedMessageType":"\"","AcknowledgedMessageId":"",)"
           R"("AcknowledgedMessageSequenceNumber":34,"IsSequentialMessage":true})",
           // Inside a text, it is none.
           R"({"AcknowledgedMessageType":"\",\"AcknowledgedMessageSequenceNumber\":1,",)"
           R"("AcknowledgedMessageSequenceNumber":34})",
       }) {
    sequence = 0;
    EXPECT_TRUE(DecodeAcknowledge(AsBytes(text), sequence)) << text;
    EXPECT_EQ(sequence, 34) << text;
  }
}

TEST(Acknowledge, WithoutItsNumberItIsNone) {
  int64_t sequence = 0;
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"),
        std::string(R"({"AcknowledgedMessageSequenceNumber":null})"),
        std::string(R"({"AcknowledgedMessageSequenceNumber":"1"})"),
        std::string(R"({"AcknowledgedMessageSequenceNumber":1.5})"),
        std::string(R"({"AcknowledgedMessageSequenceNumber":9223372036854775808})"),
        std::string(R"({"AcknowledgedMessageSequenceNumber":1)"),
        std::string(kSeenAcknowledge) + "}",
        R"({"AcknowledgedMessageSequenceNumber":1,"x":")" + std::string(kAcknowledgeSizeMax, 'x') +
            "\"}"}) {
    EXPECT_FALSE(DecodeAcknowledge(AsBytes(text), sequence)) << text;
  }
}

TEST(OpenDataChannel, IsWrittenAndReadAsSeen) {
  const std::string seen =
      R"({"MessageSchemaVersion":"1.0","RequestId":"r","TokenValue":"t","ClientId":"c",)"
      R"("ClientVersion":"1.2.0.0"})";
  OpenDataChannel open;
  ASSERT_TRUE(Decode(seen, open));
  EXPECT_EQ(open.token, "t");
  EXPECT_EQ(open.client_version, "1.2.0.0");
  EXPECT_EQ(Encode(open), seen);
  // A machine names its instance and no client id; old plugins name no version.
  OpenDataChannel machine;
  ASSERT_TRUE(Decode(R"({"TokenValue":"t","ClientId":"","ClientInstanceId":"mi-1"})", machine));
  EXPECT_EQ(machine.client_instance_id, "mi-1");
  EXPECT_EQ(machine.client_version, "");
}

TEST(OpenDataChannel, IsBoundedAndMustBeAnObject) {
  OpenDataChannel open;
  for (const std::string& text :
       {std::string("[]"), std::string("token"), std::string(), std::string(R"({"TokenValue":7})"),
        R"({"TokenValue":")" + std::string(3000, 't') + "\"}",
        std::string(kOpenDataChannelSizeMax, ' ') + "{}"}) {
    EXPECT_FALSE(Decode(text, open)) << text.substr(0, 40);
  }
}

TEST(ChannelClosed, HasANumberForItsSchemaAndATextForItsDate) {
  const ChannelClosed closed{.message_id = "m",
                             .destination_id = "mi-1",
                             .session_id = "alice-1",
                             .created = "2026-11-23T10:36:40.001Z",
                             .output = "bye"};
  const std::string text = Encode(closed);
  EXPECT_EQ(text,
            R"({"MessageType":"channel_closed","MessageId":"m","DestinationId":"mi-1",)"
            R"("SessionId":"alice-1","SchemaVersion":1,"CreatedDate":"2026-11-23T10:36:40.001Z",)"
            R"("Output":"bye"})");
  ChannelClosed read;
  ASSERT_TRUE(Decode(AsBytes(text), read));
  EXPECT_EQ(read.output, "bye");
  EXPECT_EQ(read.session_id, "alice-1");
  ASSERT_TRUE(Decode(AsBytes(R"({"Output":null})"), read));
  EXPECT_FALSE(
      Decode(AsBytes(R"({"Output":")" + std::string(kChannelOutputMax + 1, 'x') + "\"}"), read));
}

TEST(ChannelClosed, OutputThatIsNoUtf8IsStillJson) {
  const std::string text = Encode(ChannelClosed{.output = "\xFF broken"});
  ChannelClosed read;
  ASSERT_TRUE(Decode(AsBytes(text), read));
  EXPECT_EQ(read.output, "\xEF\xBF\xBD broken");
}

TEST(WindowSize, IsReadWithinTheSizeOfTerminals) {
  WindowSize size;
  ASSERT_TRUE(Decode(AsBytes(R"({"cols":120,"rows":40})"), size));
  EXPECT_EQ(size.columns, 120);
  EXPECT_EQ(size.rows, 40);
  EXPECT_EQ(Encode(size), R"({"cols":120,"rows":40})");
  EXPECT_TRUE(Decode(AsBytes(R"({"cols":0,"rows":10000})"), size));
  for (const std::string_view text :
       {R"({"cols":-1,"rows":1})", R"({"cols":10001,"rows":1})", R"({"cols":1})",
        R"({"cols":"1","rows":1})", R"({"cols":1e3,"rows":1})", "120x40"}) {
    EXPECT_FALSE(Decode(AsBytes(text), size)) << text;
  }
}

TEST(SessionState, IsOneOfTwo) {
  SessionState state{};
  EXPECT_TRUE(Decode(AsBytes(R"({"SchemaVersion":1,"SessionState":"Terminating","SessionId":"s"})"),
                     state));
  EXPECT_EQ(state, SessionState::kTerminating);
  EXPECT_TRUE(Decode(AsBytes(R"({"SessionState":"Connected"})"), state));
  EXPECT_EQ(state, SessionState::kConnected);
  EXPECT_FALSE(Decode(AsBytes(R"({"SessionState":"Other"})"), state));
  EXPECT_FALSE(Decode(AsBytes("{}"), state));
}

TEST(SessionFlag, IsOneBigEndianNumberOfThree) {
  EXPECT_EQ(ToHex(Encode(SessionFlag::kConnectToPortError)), "00000003");
  SessionFlag flag{};
  EXPECT_TRUE(Decode(Encode(SessionFlag::kTerminateSession), flag));
  EXPECT_EQ(flag, SessionFlag::kTerminateSession);
  for (const std::string_view text :
       {std::string_view("\0\0\0\0", 4), std::string_view("\0\0\0\4", 4),
        std::string_view("\1\0\0\0", 4), std::string_view("\0\0\1", 3),
        std::string_view("\0\0\0\1\0", 5), std::string_view()}) {
    EXPECT_FALSE(Decode(AsBytes(text), flag)) << ToHex(AsBytes(text));
  }
}

}  // namespace
}  // namespace engine::datachannel
