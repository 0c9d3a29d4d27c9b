// Goal: of a join connection exactly one message is taken, and anything else ends it by name.
// Method: hand-made frames, whole and cut at each place.

#include "engine/mux/join_exchange.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

constexpr Instant kDeadline{std::chrono::seconds(10)};

class JoinExchangeTest : public ::testing::Test, public JoinExchange::Events {
 protected:
  void Feed(std::string_view bytes) {
    const BufferRef block = pool_.Take();
    std::copy_n(AsBytes(bytes).data(), bytes.size(), block.bytes().data());
    exchange_.Receive(block.Share(0, bytes.size()), Instant{});
  }
  std::string Gathered() {
    std::array<ByteView, kRecordSlicesMax> slices;
    std::string bytes;
    while (const size_t count = exchange_.GatherRecord(slices, Instant{})) {
      for (size_t i = 0; i < count; ++i) bytes += AsText(slices[i]);
      exchange_.RecordTaken();
    }
    return bytes;
  }
  static std::string Text(const ControlMessage& message) {
    return FrameText(FrameType::kControl, 0, 0, Encode(message));
  }

  BufferPool pool_{8, 32 * 1024};
  FakeCarrier carrier_;
  JoinExchange exchange_{carrier_, *this, kDeadline};
  std::vector<ControlMessage> messages_;
  std::string goaway_;
  std::string broken_;
  std::string silent_;
  CloseCode code_{};

 private:
  void OnMessage(const ControlMessage& message) override { messages_.push_back(message); }
  void OnGoaway(CloseCode code, std::string_view text) override {
    code_ = code;
    goaway_ = std::string(text);
  }
  void OnBroken(std::string_view text) override { broken_ = std::string(text); }
  void OnSilent(std::string_view text) override { silent_ = std::string(text); }
};

TEST_F(JoinExchangeTest, TakesOneMessageWhereverItIsCut) {
  const std::string text = Text(Join{.token = "secret", .is_wrapped = true});
  for (size_t cut = 1; cut < text.size(); ++cut) {
    JoinExchange exchange(carrier_, *this, kDeadline);
    messages_.clear();
    for (const std::string& part : {text.substr(0, cut), text.substr(cut)}) {
      const BufferRef block = pool_.Take();
      std::copy_n(AsBytes(part).data(), part.size(), block.bytes().data());
      exchange.Receive(block.Share(0, part.size()), Instant{});
    }
    ASSERT_EQ(messages_.size(), 1u) << cut;
    EXPECT_EQ(std::get<Join>(messages_[0]).token, "secret");
    EXPECT_TRUE(std::get<Join>(messages_[0]).is_wrapped);
  }
  EXPECT_EQ(broken_, "");
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(JoinExchangeTest, ASecondMessageBreaksIt) {
  Feed(Text(Join{.token = "a"}));
  EXPECT_EQ(broken_, "");
  Feed(Text(Join{.token = "b"}));
  EXPECT_NE(broken_, "");
  EXPECT_EQ(messages_.size(), 1u);
}

TEST_F(JoinExchangeTest, AMessageWithAnythingBehindItIsNotActedOn) {
  const std::string whole = Text(Join{.token = "a"});
  for (const std::string& behind : {whole, whole.substr(0, 3), whole.substr(0, 9)}) {
    broken_.clear();
    JoinExchange exchange(carrier_, *this, kDeadline);
    const std::string bytes = whole + behind;
    const BufferRef block = pool_.Take();
    std::copy_n(AsBytes(bytes).data(), bytes.size(), block.bytes().data());
    exchange.Receive(block.Share(0, bytes.size()), Instant{});
    EXPECT_NE(broken_, "") << behind.size();
    EXPECT_TRUE(messages_.empty());
  }
}

TEST_F(JoinExchangeTest, OtherFramesBreakIt) {
  const std::string frames[] = {
      FrameText(FrameType::kData, 0, 1, "bytes"), FrameText(FrameType::kPing, 0, 0, Big64(1)),
      FrameText(FrameType::kControl, 0, 3, Encode(Joined{})),
      FrameText(FrameType::kControl, 0, 0, "{}"), FrameText(0x7F, 0, 0, "x")};
  for (const std::string& frame : frames) {
    broken_.clear();
    JoinExchange exchange(carrier_, *this, kDeadline);
    const BufferRef block = pool_.Take();
    std::copy_n(AsBytes(frame).data(), frame.size(), block.bytes().data());
    exchange.Receive(block.Share(0, frame.size()), Instant{});
    EXPECT_NE(broken_, "");
  }
  EXPECT_TRUE(messages_.empty());
}

TEST_F(JoinExchangeTest, AGoawayTellsCodeAndText) {
  Feed(FrameText(FrameType::kGoaway, 0, 0, Big16(18) + "too old"));
  EXPECT_EQ(code_, CloseCode::kBadToken);
  EXPECT_EQ(goaway_, "too old");
  Feed("whatever comes then is not looked at");
  EXPECT_EQ(broken_, "");
  EXPECT_EQ(pool_.free_count(), pool_.block_count());
}

TEST_F(JoinExchangeTest, SilenceEndsItAtTheDeadlineAndIsNoBrokenRule) {
  EXPECT_EQ(exchange_.NextDeadline(), kDeadline);
  exchange_.HandleDeadline(kDeadline - std::chrono::seconds(1));
  EXPECT_EQ(silent_, "");
  exchange_.HandleDeadline(kDeadline);
  EXPECT_NE(silent_, "");
  EXPECT_EQ(broken_, "");
  EXPECT_EQ(exchange_.NextDeadline(), Instant::max());
}

TEST_F(JoinExchangeTest, AMessageInTimeLiftsTheDeadline) {
  Feed(Text(Joined{}));
  EXPECT_EQ(exchange_.NextDeadline(), Instant::max());
}

TEST_F(JoinExchangeTest, SaysItsOneFrameAndAGoawayCloses) {
  EXPECT_FALSE(exchange_.sent());
  exchange_.Send(Joined{});
  EXPECT_FALSE(exchange_.sent());
  EXPECT_TRUE(carrier_.is_ready);
  EXPECT_EQ(Gathered(), Text(Joined{}));
  EXPECT_TRUE(exchange_.sent());
  const std::string full(kCloseTextMax - 1, 'x');
  exchange_.Goaway(CloseCode::kDenied, full + "\xC2\x80");
  EXPECT_TRUE(carrier_.is_closing);
  EXPECT_EQ(Gathered(), FrameText(FrameType::kGoaway, 0, 0, Big16(3) + full))
      << "what does not fit is cut between two characters";
}

}  // namespace
}  // namespace engine
