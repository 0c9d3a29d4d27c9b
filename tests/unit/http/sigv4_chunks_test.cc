// Goal: bodies that are signed in pieces are taken apart and proven as AWS's documentation shows,
// and nothing else passes. Method: the example of the Amazon S3 API Reference (key and secret are
// AWS's documentation's own), and every byte of a small body changed.

#include "engine/http/sigv4_chunks.h"

#include <gtest/gtest.h>

#include <string>

namespace engine {
namespace {

// "Example: Transferring Payload in Multiple Chunks": 66,560 letters a, in chunks of 64 KiB.
constexpr std::string_view kSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
constexpr std::string_view kDate = "20130524T000000Z";
constexpr std::string_view kSeed =
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
constexpr std::string_view kFirst =
    "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
constexpr std::string_view kSecond =
    "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
constexpr std::string_view kLast =
    "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";

class SigV4ChunksTest : public testing::Test {
 protected:
  static std::string Chunk(std::string_view size, std::string_view signature,
                           std::string_view bytes) {
    return std::string(size) + ";chunk-signature=" + std::string(signature) + "\r\n" +
           std::string(bytes) + "\r\n";
  }
  const SigV4Scope scope_{"20130524", "us-east-1", "s3"};
  const SigV4ChunkSeed seed_{kSecret, scope_, kDate, kSeed};
};

TEST_F(SigV4ChunksTest, TheExampleOfTheDocumentation) {
  const std::string large(65536, 'a');
  const std::string small(1024, 'a');
  EXPECT_EQ(ChunkSignature(seed_, kSeed, large), kFirst);
  EXPECT_EQ(ChunkSignature(seed_, kFirst, small), kSecond);
  EXPECT_EQ(ChunkSignature(seed_, kSecond, ""), kLast);
  const std::string body =
      Chunk("10000", kFirst, large) + Chunk("400", kSecond, small) + Chunk("0", kLast, "");
  EXPECT_EQ(body.size(), 66824u);
  const auto read = ReadChunkedBody(body);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->payload, large + small);
  EXPECT_TRUE(AreGenuine(*read, seed_));
  SigV4ChunkedBody other = *read;
  std::swap(other.chunks[0], other.chunks[1]);
  EXPECT_FALSE(AreGenuine(other, seed_)) << "another order";
  other = *read;
  other.chunks.pop_back();
  EXPECT_FALSE(AreGenuine(other, seed_)) << "cut off behind a chunk";
}

TEST_F(SigV4ChunksTest, AByteThatIsChangedAnywhereIsNoticed) {
  const std::string first = ChunkSignature(seed_, kSeed, "{\"a\":");
  const std::string second = ChunkSignature(seed_, first, "1}");
  const std::string last = ChunkSignature(seed_, second, "");
  const std::string body =
      Chunk("5", first, "{\"a\":") + Chunk("2", second, "1}") + Chunk("0", last, "");
  ASSERT_TRUE(AreGenuine(*ReadChunkedBody(body), seed_));
  for (size_t i = 0; i < body.size(); ++i) {
    std::string changed = body;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    const auto read = ReadChunkedBody(changed);
    EXPECT_FALSE(read.has_value() && AreGenuine(*read, seed_)) << i;
    EXPECT_FALSE(ReadChunkedBody(body.substr(0, i)).has_value()) << i;
  }
}

TEST_F(SigV4ChunksTest, OtherShapesAreNone) {
  const std::string none = Chunk("0", kLast, "");
  EXPECT_TRUE(ReadChunkedBody(none).has_value());
  EXPECT_FALSE(ReadChunkedBody("").has_value());
  EXPECT_FALSE(ReadChunkedBody("{}").has_value());
  EXPECT_FALSE(ReadChunkedBody(none + "x").has_value()) << "something behind the end";
  EXPECT_FALSE(ReadChunkedBody("-0" + none.substr(1)).has_value());
  EXPECT_FALSE(ReadChunkedBody("ffffffffff" + none.substr(1)).has_value());
  EXPECT_FALSE(ReadChunkedBody("0;chunk-signature=00\r\n\r\n").has_value());
  std::string many;
  for (size_t i = 0; i < kSigV4ChunksMax; ++i) many += Chunk("1", kFirst, "x");
  EXPECT_FALSE(ReadChunkedBody(many + none).has_value()) << "too many";
}

}  // namespace
}  // namespace engine
