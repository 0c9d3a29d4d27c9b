// Goal: frames come out the same wherever the bytes are cut, and data is never copied.
// Method: a text with every frame type is cut at each place, into single bytes, and by seed.

#include "engine/mux/frame_parser.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/base/random.h"
#include "tests/unit/mux/mux_pair.h"

namespace engine {
namespace {

using Result = FrameParser::Result;

// Chopper feeds texts to a parser and joins what comes out into one line a frame.
class Chopper {
 public:
  void Feed(std::string_view bytes) {
    const BufferRef block = pool_.Take();
    ASSERT_GE(block.size(), bytes.size());
    std::copy_n(AsBytes(bytes).data(), bytes.size(), block.bytes().data());
    parser_.Feed(block.Share(0, bytes.size()));
    FrameParser::Frame frame;
    while ((result_ = parser_.Next(frame)) == Result::kFrame) {
      if (frame.header.type == FrameType::kData) {
        EXPECT_TRUE(frame.payload.empty());
        EXPECT_GE(frame.data.bytes().data(), block.bytes().data());  // A slice of what was fed.
        EXPECT_LT(frame.data.bytes().data(), block.bytes().data() + block.size());
        if (frame.is_first) data_.clear();
        data_ += AsText(frame.data.bytes());
        ++piece_count_;
        if (!frame.is_last) continue;
        EXPECT_EQ(data_.size(), frame.header.payload_size);
      }
      const bool is_data = frame.header.type == FrameType::kData;
      if (!is_data) {
        EXPECT_EQ(frame.payload.size(), frame.header.payload_size);
      }
      text_ += FrameText(frame.header.type, frame.header.flags,
                         static_cast<uint32_t>(frame.header.stream),
                         is_data ? std::string_view(data_) : AsText(frame.payload));
    }
  }

  const std::string& text() const { return text_; }
  Result result() const { return result_; }
  FrameError error() const { return parser_.error(); }
  int piece_count() const { return piece_count_; }
  int held_count() const { return pool_.block_count() - pool_.free_count(); }

 private:
  BufferPool pool_{4, 64 * 1024};
  FrameParser parser_;
  std::string data_;
  std::string text_;
  Result result_ = Result::kHungry;
  int piece_count_ = 0;
};

std::string EveryFrame() {
  return FrameText(FrameType::kControl, 0, 0, R"({"type":"hello"})") +
         FrameText(FrameType::kOpen, kFlagInteractive, 1, Big64(100) + "{}") +
         FrameText(FrameType::kAccept, 0, 1, Big64(100)) +
         FrameText(FrameType::kData, 0, 1, "0123456789") +
         FrameText(FrameType::kData, kFlagStderr, 1, "x") +
         FrameText(FrameType::kCredit, 0, 1, Big64(11) + Big64(200)) +
         FrameText(FrameType::kPing, 0, 0, Big64(7)) +
         FrameText(FrameType::kControl, 0, 1, std::string(300, 'c')) +
         FrameText(FrameType::kFinish, 0, 1, Big64(11)) +
         FrameText(FrameType::kReject, 0, 3, Big16(3) + "no") +
         FrameText(FrameType::kReset, 0, 1, Big16(0)) +
         FrameText(FrameType::kGoaway, 0, 0, Big16(13) + "bye");
}

TEST(FrameParser, ReadsEveryFrameCutAtAnyPlace) {
  const std::string bytes = EveryFrame();
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    Chopper chopper;
    chopper.Feed(std::string_view(bytes).substr(0, cut));
    chopper.Feed(std::string_view(bytes).substr(cut));
    ASSERT_EQ(chopper.text(), bytes) << cut;
    ASSERT_EQ(chopper.held_count(), 0) << cut;
  }
}

TEST(FrameParser, ReadsEveryFrameFromSingleBytes) {
  Chopper chopper;
  for (const char& byte : EveryFrame()) chopper.Feed(std::string_view(&byte, 1));
  EXPECT_EQ(chopper.text(), EveryFrame());
}

TEST(FrameParser, HandsDataOnInAsManyPiecesAsItHasChunks) {
  const std::string payload(kFramePayloadMax, 'd');
  const std::string bytes = FrameText(FrameType::kData, 0, 1, payload);
  Chopper whole;
  whole.Feed(bytes);
  EXPECT_EQ(whole.piece_count(), 1);
  Chopper two;
  two.Feed(std::string_view(bytes).substr(0, 5'000));
  EXPECT_EQ(two.piece_count(), 1);  // Not held back.
  two.Feed(std::string_view(bytes).substr(5'000));
  EXPECT_EQ(two.piece_count(), 2);
  EXPECT_EQ(two.text(), bytes);
}

TEST(FrameParser, AFrameAloneInItsChunkKeepsTheRoomAroundItAndItsHeader) {
  for (const int count : {1, 2}) {
    BufferPool pool(1, 1024);
    std::string text;
    for (int i = 0; i < count; ++i) text += FrameText(FrameType::kData, 0, 1, "payload");
    BufferRef block = pool.Take();
    std::copy_n(AsBytes(text).data(), text.size(), block.bytes().data() + 5);
    BufferRef chunk = block.Share(5, text.size());
    block = {};
    chunk.GrantRoom(5, 17);
    FrameParser parser;
    parser.Feed(std::move(chunk));
    FrameParser::Frame frame;
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(parser.Next(frame), Result::kFrame);
      EXPECT_EQ(AsText(frame.data.bytes()), "payload");
      EXPECT_EQ(frame.data.room_before(), count == 1 ? 5 + kFrameHeaderSize : 0u);
      EXPECT_EQ(frame.data.room_after(), count == 1 ? 17u : 0u);
    }
    EXPECT_EQ(parser.Next(frame), Result::kHungry);
    EXPECT_EQ(pool.free_count(), 1u);
  }
}

TEST(FrameParser, AssemblesTheLargestControlMessage) {
  const std::string bytes = FrameText(FrameType::kControl, 0, 0, std::string(kControlSizeMax, 'x'));
  Chopper chopper;
  for (size_t at = 0; at < bytes.size(); at += 100)
    chopper.Feed(std::string_view(bytes).substr(at, 100));
  EXPECT_EQ(chopper.text(), bytes);
}

TEST(FrameParser, NamesWhatIsWrongWithAHeader) {
  Chopper chopper;
  chopper.Feed(FrameText(FrameType::kPing, 0, 0, Big64(1)) + FrameText(0x20, 0, 0, "x"));
  EXPECT_EQ(chopper.text(), FrameText(FrameType::kPing, 0, 0, Big64(1)));
  EXPECT_EQ(chopper.result(), Result::kBroken);
  EXPECT_EQ(chopper.error(), FrameError::kUnknownType);
  EXPECT_EQ(chopper.held_count(), 0);
}

TEST(FrameParser, NamesWhatIsWrongWithAHeaderThatIsCut) {
  const std::string bytes = FrameText(FrameType::kData, 0, 0, "x");
  Chopper chopper;
  chopper.Feed(bytes.substr(0, 3));
  EXPECT_EQ(chopper.result(), Result::kHungry);
  chopper.Feed(bytes.substr(3));
  EXPECT_EQ(chopper.result(), Result::kBroken);
  EXPECT_EQ(chopper.error(), FrameError::kWrongStream);
}

TEST(FrameParser, AnyCutsGiveTheSameFrames) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::string bytes;
    for (int i = 0; i < 20; ++i) {
      const size_t size = random.Chance(20) ? kFramePayloadMax : random.Range(1, 400);
      bytes += random.Chance(60) ? FrameText(FrameType::kData, 0, 1, std::string(size, 'd'))
                                 : EveryFrame();
    }
    Chopper chopper;
    for (size_t at = 0; at < bytes.size();) {
      const size_t size = random.Chance(50) ? random.Range(1, 30) : random.Range(1, 16 * 1024);
      chopper.Feed(std::string_view(bytes).substr(at, size));
      at += size;
    }
    ASSERT_EQ(chopper.text(), bytes);
  }
}

}  // namespace
}  // namespace engine
