// Goal: every rule a peer can break ends the link with its own code and text, every stream hears of
// it once, and the peer is told.
// Method: one multiplexer, hand-made frames.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/mux/multiplexer.h"
#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

using testing::HasSubstr;

const std::string kHello = FrameText(FrameType::kControl, 0, 0, R"({"type":"hello"})");

std::string Open(uint32_t id) { return FrameText(FrameType::kOpen, 0, id, Big64(1'000) + "{}"); }
std::string Data(uint32_t id, std::string_view payload) {
  return FrameText(FrameType::kData, 0, id, payload);
}
std::string Finish(uint32_t id, uint64_t offset) {
  return FrameText(FrameType::kFinish, 0, id, Big64(offset));
}
std::string Accept(uint32_t id) { return FrameText(FrameType::kAccept, 0, id, Big64(1'000)); }
std::string Credit(uint32_t id, uint64_t received, uint64_t limit) {
  return FrameText(FrameType::kCredit, 0, id, Big64(received) + Big64(limit));
}

// PeerErrorTest has an accepted end with stream 1 open from the peer (accepted), stream 2 from us
// (not answered), and stream 4 from us (accepted, 5 bytes sent).
class PeerErrorTest : public testing::Test {
 protected:
  PeerErrorTest() : end_(Side::kAccepted, {.window_bytes_min = 32 * 1024}) {
    end_.Say();
    end_.Receive(kHello + Open(1));
    waiting_ = &end_.Open();
    accepted_ = &end_.Open();
    end_.Gathered();
    end_.Receive(Accept(4));
    end_.Write(StreamId{4}, "12345");
    end_.Gathered();
    EXPECT_FALSE(end_.is_failed);
  }

  void ExpectFailure(const std::string& bytes, CloseCode code, const std::string& text) {
    end_.Receive(bytes);
    ASSERT_TRUE(end_.is_failed);
    EXPECT_EQ(end_.code, code);
    EXPECT_THAT(end_.text, HasSubstr(text));
    EXPECT_TRUE(end_.carrier.is_closing);
    EXPECT_TRUE(end_.carrier.is_ready);
    for (const FakeStream* stream : {end_.streams.at(StreamId{1}).get(), waiting_, accepted_}) {
      EXPECT_TRUE(stream->is_closed);
      EXPECT_EQ(stream->code, code);
      EXPECT_EQ(stream->text, end_.text);
    }
    const std::vector<ParsedFrame> frames = FramesOf(end_.Gathered());
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].header.type, FrameType::kGoaway);
    EXPECT_EQ(frames[0].payload, Big16(static_cast<uint16_t>(code)) + end_.text);
    EXPECT_EQ(end_.mux.stream_count(), 0u);
    EXPECT_EQ(end_.mux.window_bytes_sum(), 0u);

    // Nothing more happens, whatever arrives or is called.
    FakeStream late;
    end_.Receive(kHello + Open(3) + Data(1, "x"));
    EXPECT_EQ(end_.mux.Open(Priority::kBulk, AsBytes("{}"), late), kLinkStream);
    EXPECT_TRUE(end_.mux.SendControl(kLinkStream, "{}"));
    end_.mux.Goaway(CloseCode::kNormal, "");
    end_.mux.Reset(StreamId{1}, CloseCode::kNormal);
    EXPECT_TRUE(end_.Gathered().empty());
    EXPECT_EQ(end_.pool.free_count(), end_.pool.block_count());
  }
  void ExpectProtocolError(const std::string& bytes, const std::string& text) {
    ExpectFailure(bytes, CloseCode::kProtocolError, text);
  }
  void ExpectIgnored(const std::string& bytes) {
    end_.Receive(bytes);
    EXPECT_FALSE(end_.is_failed) << end_.text;
  }

  End end_;
  FakeStream* waiting_ = nullptr;
  FakeStream* accepted_ = nullptr;
};

TEST_F(PeerErrorTest, UnknownType) {
  ExpectProtocolError(FrameText(0x20, 0, 1, "x"), "unknown frame type");
}
TEST_F(PeerErrorTest, UnknownFlags) {
  ExpectProtocolError(FrameText(FrameType::kData, 0x80, 1, "x"), "flags");
}
TEST_F(PeerErrorTest, FrameTooLarge) {
  ExpectProtocolError(Data(1, std::string(kFramePayloadMax + 1, 'x')), "larger than 16384");
}
TEST_F(PeerErrorTest, WrongSize) {
  ExpectProtocolError(FrameText(FrameType::kPing, 0, 0, "1234567"), "payload size");
}
TEST_F(PeerErrorTest, ControlMessageTooLarge) {
  ExpectProtocolError(FrameText(FrameType::kControl, 0, 1, std::string(kControlSizeMax + 1, '{')),
                      "payload size");
}
TEST_F(PeerErrorTest, WrongStreamForTheType) {
  ExpectProtocolError(FrameText(FrameType::kPing, 0, 1, Big64(1)), "does not belong");
}
TEST_F(PeerErrorTest, OpenWithOurParity) { ExpectProtocolError(Open(6), "id of the other side"); }
TEST_F(PeerErrorTest, OpenWithAUsedId) { ExpectProtocolError(Open(1), "does not grow"); }
TEST_F(PeerErrorTest, OpenWithAnIdThatShrinks) {
  ExpectProtocolError(Open(9) + Open(5), "does not grow");
}
TEST_F(PeerErrorTest, DataOnAStreamThatWasNeverOpened) {
  ExpectProtocolError(Data(3, "x"), "never opened");
}
TEST_F(PeerErrorTest, DataOnAStreamThatWeNeverOpened) {
  ExpectProtocolError(Data(6, "x"), "never opened");
}
TEST_F(PeerErrorTest, AcceptOfAStreamThatWeNeverOpened) {
  ExpectProtocolError(Accept(6), "never opened");
}
TEST_F(PeerErrorTest, ResetOfAStreamThatWasNeverOpened) {
  ExpectProtocolError(FrameText(FrameType::kReset, 0, 99, Big16(0)), "never opened");
}
TEST_F(PeerErrorTest, AcceptOfThePeersOwnStream) {
  ExpectProtocolError(Accept(1), "sender's own open");
}
TEST_F(PeerErrorTest, SecondAccept) { ExpectProtocolError(Accept(4), "second answer"); }
TEST_F(PeerErrorTest, RejectAfterAccept) {
  ExpectProtocolError(FrameText(FrameType::kReject, 0, 4, Big16(3)), "second answer");
}
TEST_F(PeerErrorTest, DataBeforeAccept) {
  ExpectProtocolError(Data(2, "x"), "before the stream's");
}
TEST_F(PeerErrorTest, FinishBeforeAccept) {
  ExpectProtocolError(Finish(2, 0), "before the stream's");
}
TEST_F(PeerErrorTest, CreditBeforeAccept) {
  ExpectProtocolError(Credit(2, 0, 10), "before the stream's");
}
TEST_F(PeerErrorTest, ControlBeforeAccept) {
  ExpectProtocolError(FrameText(FrameType::kControl, 0, 2, "{}"), "before the stream's");
}
TEST_F(PeerErrorTest, DataAfterFinish) {
  ExpectProtocolError(Data(1, "abc") + Finish(1, 3) + Data(1, "x"), "after the stream's finish");
}
TEST_F(PeerErrorTest, SecondFinish) {
  ExpectProtocolError(Finish(1, 0) + Finish(1, 0), "second finish");
}
TEST_F(PeerErrorTest, FinishWithAnotherOffset) {
  ExpectProtocolError(Data(1, "abc") + Finish(1, 4), "offset is not the bytes sent");
}
TEST_F(PeerErrorTest, CreditForWhatWasNeverSent) {
  ExpectProtocolError(Credit(4, 6, 2'000), "never sent");
}
TEST_F(PeerErrorTest, CreditWhoseLimitGoesBack) {
  ExpectProtocolError(Credit(4, 5, 999), "limit went back");
}
TEST_F(PeerErrorTest, CreditWhoseReceivedGoesBack) {
  ExpectProtocolError(Credit(4, 5, 1'000) + Credit(4, 4, 1'000), "received offset went back");
}
TEST_F(PeerErrorTest, DataBeyondTheLimit) {
  end_.streams.at(StreamId{1})->consumes = false;
  const std::string half = Data(1, std::string(16 * 1024 - 8, 'x'));
  end_.Receive(half + half + Data(1, std::string(16, 'x')));
  ASSERT_FALSE(end_.is_failed);
  ExpectFailure(Data(1, "x"), CloseCode::kFlowControl, "beyond the stream's limit");
}

TEST_F(PeerErrorTest, FramesForStreamsThatCloseAreIgnored) {
  end_.mux.Reset(StreamId{1}, CloseCode::kNormal);
  end_.mux.Reset(StreamId{4}, CloseCode::kNormal);
  end_.mux.Reset(StreamId{2}, CloseCode::kNormal);
  ExpectIgnored(Data(1, "x") + Finish(1, 1) + Credit(4, 0, 0) + Accept(2) + Data(2, "x") +
                FrameText(FrameType::kControl, 0, 4, "{}") +
                FrameText(FrameType::kReset, 0, 1, Big16(0)));
}

TEST_F(PeerErrorTest, DataWhoseStreamIsResetHalfWayIsIgnored) {
  const std::string bytes = Data(1, std::string(10'000, 'x'));
  end_.Receive(bytes.substr(0, 5'000));
  end_.mux.Reset(StreamId{1}, CloseCode::kNormal);
  ExpectIgnored(bytes.substr(5'000) + FrameText(FrameType::kPing, 0, 0, Big64(1)));
}

TEST_F(PeerErrorTest, AnUnknownCloseCodeIsNoError) {
  ExpectIgnored(FrameText(FrameType::kReset, 0, 1, Big16(60'000) + "from the future"));
  EXPECT_EQ(static_cast<int>(end_.streams.at(StreamId{1})->code), 60'000);
}

TEST_F(PeerErrorTest, AnAnswerToNoPingIsNoError) {
  ExpectIgnored(FrameText(FrameType::kPing, kFlagAnswer, 0, Big64(77)));
}

TEST(PeerError, FirstFrameThatIsNoHello) {
  for (const std::string& bytes :
       {Open(1), Data(1, "x"), FrameText(FrameType::kPing, 0, 0, Big64(1)),
        FrameText(FrameType::kControl, 0, 1, "{}")}) {
    End end(Side::kAccepted, {});
    end.Receive(bytes);
    EXPECT_TRUE(end.is_failed);
    EXPECT_THAT(end.text, HasSubstr("no hello"));
  }
}

TEST(PeerError, APeerThatIsNotAditAtAll) {
  End end(Side::kAccepted, {});
  end.Receive("GET / HTTP/1.1\r\nHost: relay\r\n\r\n");
  EXPECT_TRUE(end.is_failed);
  EXPECT_EQ(end.code, CloseCode::kProtocolError);
}

TEST(PeerError, WithoutACarrierTheLinkFailsJustTheSame) {
  struct Events : LinkEvents {
    void OnOpen(StreamId, Priority, ByteView) override {}
    void OnControl(ByteView) override {}
    void OnGoaway(CloseCode, std::string_view) override {}
    void OnFailed(CloseCode, std::string_view) override { is_failed = true; }
    bool is_failed = false;
  } events;
  BufferPool pool(4, 1'024);
  Multiplexer mux(Side::kAccepted, {}, events, pool, Instant{});
  mux.Receive(pool.Take(), Instant{});
  EXPECT_TRUE(events.is_failed);
}

}  // namespace
}  // namespace engine
