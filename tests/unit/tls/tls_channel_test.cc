// Goal: whatever the pieces in which bytes come, and however few blocks there are, plaintext
// arrives whole and in order, every record is one record, and foreign bytes end in a named error.
// Method: two channels joined by memory (tls_pair.h); chunk sizes and faults are varied.

#include "engine/tls/tls_channel.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/crypto/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

using ::testing::HasSubstr;

std::string RandomText(Random& random, size_t size) {
  std::string text(size, '\0');
  for (char& letter : text) letter = static_cast<char>(random.Next());
  return text;
}

// Carriers is who carries the records at the client and at the server.
struct Carriers {
  TlsRecords client;
  TlsRecords server;
};

class TlsChannelTest : public ::testing::TestWithParam<Carriers> {
 protected:
  void SetUp() override {
    server_context_ = Must(TlsContext::Server({.identity = authority_.ServerIdentity(),
                                               .client_authority_pem = authority_.Pem(),
                                               .protocols = {"adit/1", "http/1.1"},
                                               .clock = TestClock(),
                                               .records = GetParam().server}));
    client_context_ = Must(TlsContext::Client({.trust = TlsTrust::Authority(authority_.Pem()),
                                               .identity = authority_.ClientIdentity("mi-1"),
                                               .protocols = {"adit/1"},
                                               .clock = TestClock(),
                                               .records = GetParam().client}));
    Renew();
  }

  void Renew(uint16_t blocks = 64, uint32_t block_size = kTestBlockSize) {
    client_ = std::make_unique<TlsEnd>(*client_context_, "relay.test", blocks, block_size);
    server_ = std::make_unique<TlsEnd>(*server_context_, "", blocks, block_size);
  }

  void ShakeHands() {
    Shake(*client_, *server_);
    ASSERT_TRUE(client_->channel.handshake_done()) << client_->channel.error_text();
    ASSERT_TRUE(server_->channel.handshake_done()) << server_->channel.error_text();
  }

  TestAuthority authority_;
  std::unique_ptr<TlsContext> server_context_;
  std::unique_ptr<TlsContext> client_context_;
  std::unique_ptr<TlsEnd> client_;
  std::unique_ptr<TlsEnd> server_;
};

TEST_P(TlsChannelTest, BothSidesKnowEachOtherAndTheProtocolAfterTheHandshake) {
  ShakeHands();
  EXPECT_EQ(client_->channel.protocol(), "adit/1");
  EXPECT_EQ(server_->channel.protocol(), "adit/1");
  EXPECT_EQ(Must(server_->channel.PeerCertificate()).common_name(), "mi-1");
  EXPECT_EQ(Must(client_->channel.PeerCertificate()).common_name(), "relay");
  EXPECT_EQ(client_->channel.anchor_pem(), "");
}

TEST_P(TlsChannelTest, ASecondCopyOfAnExportedSecretIsTheSameAndOtherwiseDiffers) {
  ShakeHands();
  std::array<std::byte, 32> ours, theirs, other;
  client_->channel.Export("adit resume", AsBytes("context"), ours);
  server_->channel.Export("adit resume", AsBytes("context"), theirs);
  server_->channel.Export("adit resume", AsBytes("another"), other);
  EXPECT_EQ(ours, theirs);
  EXPECT_NE(ours, other);
}

TEST_P(TlsChannelTest, AnyChunkSizeGivesTheSameHandshakeAndText) {
  Random random(1);
  const std::string text = RandomText(random, 40'000);
  for (const size_t chunk : {1u, 2u, 3u, 5u, 7u, 21u, 22u, 100u, 1000u, 4099u, 16384u}) {
    Renew();
    Shake(*client_, *server_, chunk);
    ASSERT_TRUE(server_->channel.handshake_done()) << "chunk " << chunk;
    for (size_t offset = 0; offset < text.size(); offset += 10'000) {
      ASSERT_EQ(client_->channel.Write(AsBytes(text).subspan(offset, 10'000)), Outcome::kOk);
    }
    Carry(*client_, *server_, chunk);
    EXPECT_EQ(server_->received, text) << "chunk " << chunk;
    EXPECT_EQ(server_->slices, 4u) << "one slice a record, chunk " << chunk;
  }
}

TEST_P(TlsChannelTest, PiecesAreSealedAsExactlyOneRecordUpToTheLargest) {
  ShakeHands();
  Random random(2);
  const std::string head = RandomText(random, 8);
  const std::string body = RandomText(random, kTlsRecordPlaintextMax - 8);
  const std::array<ByteView, 3> pieces = {AsBytes(head), ByteView(), AsBytes(body)};
  ASSERT_EQ(client_->channel.Write(pieces), Outcome::kOk);
  EXPECT_EQ(client_->channel.output_size(), kTlsRecordPlaintextMax + kTlsRecordOverhead);
  Carry(*client_, *server_);
  EXPECT_EQ(server_->received, head + body);
  EXPECT_EQ(server_->slices, 1u);
}

TEST_P(TlsChannelTest, SmallRecordsOfOneBurstShareABlock) {
  ShakeHands();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(client_->channel.Write(AsBytes("key")), Outcome::kOk);
  std::array<ByteView, 4> slices;
  ASSERT_EQ(client_->channel.Output(slices), 1u) << "and on the way out, too";
  server_->Give(slices[0]);
  client_->channel.OutputSent(slices[0].size());
  std::vector<BufferRef> held;
  BufferRef plaintext;
  const uint16_t free_before = server_->pool.free_count();
  while (server_->channel.Read(plaintext) == Outcome::kOk) held.push_back(std::move(plaintext));
  EXPECT_EQ(held.size(), 50u);
  // The ciphertext's block came back, one was taken for all 50.
  EXPECT_EQ(server_->pool.free_count(), free_before);
}

TEST_P(TlsChannelTest, AnIdleConnectionHoldsNoBlock) {
  ShakeHands();
  ASSERT_EQ(client_->channel.Write(AsBytes("hello")), Outcome::kOk);
  Carry(*client_, *server_);
  EXPECT_EQ(client_->pool.free_count(), client_->pool.block_count());
  EXPECT_EQ(server_->pool.free_count(), server_->pool.block_count());
}

TEST_P(TlsChannelTest, SixtyFourMebibytesArriveUnchangedInBothDirections) {
  ShakeHands();
  constexpr size_t kTotal = 64 * 1024 * 1024;
  Random random(3);
  const std::string text = RandomText(random, kTlsRecordPlaintextMax);
  crypto::Sha256Hasher sent, came;
  size_t size_sent = 0;
  size_t size_came = 0;
  TlsEnd* from = client_.get();
  TlsEnd* to = server_.get();
  while (size_sent < kTotal) {
    const size_t size = random.Range(1, kTlsRecordPlaintextMax);
    const ByteView record = AsBytes(text).subspan(text.size() - size);
    ASSERT_EQ(from->channel.Write(record), Outcome::kOk);
    sent.Update(record);
    size_sent += size;
    Carry(*from, *to, random.Range(5000, 16384));
    came.Update(AsBytes(to->received));
    size_came += to->received.size();
    to->received.clear();
    if (random.Chance(1)) std::swap(from, to);
  }
  EXPECT_EQ(size_came, size_sent);
  EXPECT_EQ(came.Finish(), sent.Finish());
}

TEST_P(TlsChannelTest, OutputStaysInPlaceWhileMoreIsWritten) {
  ShakeHands();
  ASSERT_EQ(client_->channel.Write(AsBytes(std::string(5000, 'a'))), Outcome::kOk);
  std::array<ByteView, 16> before, after;
  ASSERT_EQ(client_->channel.Output(before), 1u);
  const std::string bytes(AsText(before[0]));
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(client_->channel.Write(AsBytes(std::string(9000, 'b'))), Outcome::kOk);
  }
  const size_t count = client_->channel.Output(after);
  EXPECT_GT(count, 1u);
  EXPECT_EQ(after[0].data(), before[0].data());
  EXPECT_EQ(AsText(before[0]), bytes);
  size_t total = 0;
  for (size_t i = 0; i < count; ++i) total += after[i].size();
  EXPECT_EQ(total, client_->channel.output_size());
}

TEST_P(TlsChannelTest, AFullOutputTakesNothingAndGoesOnWhenSomeIsSent) {
  ShakeHands();
  const std::string record(kTlsRecordPlaintextMax, 'x');
  size_t written = 0;
  Outcome outcome = Outcome::kOk;
  while ((outcome = client_->channel.Write(AsBytes(record))) == Outcome::kOk) ++written;
  EXPECT_EQ(outcome, Outcome::kOutputFull);
  EXPECT_GE(written, kTlsOutputSlicesMax - 2);
  const size_t size = client_->channel.output_size();
  EXPECT_EQ(client_->channel.Write(AsBytes(record)), Outcome::kOutputFull);
  EXPECT_EQ(client_->channel.output_size(), size);
  Carry(*client_, *server_);
  EXPECT_EQ(client_->channel.Write(AsBytes(record)), Outcome::kOk);
  Carry(*client_, *server_);
  EXPECT_EQ(server_->received.size(), (written + 1) * record.size());
}

TEST_P(TlsChannelTest, ADryPoolStopsWritingAndGoesOnWhenBlocksAreFree) {
  ShakeHands();
  std::vector<BufferRef> hogged;
  while (client_->pool.free_count() > 0) hogged.push_back(client_->pool.Take());
  const std::string record(kTlsRecordPlaintextMax, 'x');
  // Our own record layer can say one record without a block, and the next once that was sent.
  const bool has_spare = client_->channel.RoomForRecord() == Outcome::kOk;
  const std::string first = has_spare ? record : "";
  if (has_spare) {
    EXPECT_EQ(client_->channel.Write(AsBytes(record)), Outcome::kOk);
  }
  EXPECT_EQ(client_->channel.RoomForRecord(), Outcome::kNoBuffers);
  EXPECT_EQ(client_->channel.Write(AsBytes(record)), Outcome::kNoBuffers);
  Carry(*client_, *server_);
  EXPECT_TRUE(server_->received == first);
  EXPECT_EQ(client_->channel.RoomForRecord() == Outcome::kOk, has_spare);
  hogged.clear();
  EXPECT_EQ(client_->channel.RoomForRecord(), Outcome::kOk);
  EXPECT_EQ(client_->channel.Write(AsBytes("hello")), Outcome::kOk);
  Carry(*client_, *server_);
  EXPECT_TRUE(server_->received == first + "hello");
}

TEST_P(TlsChannelTest, ADryPoolStopsReadingAndLosesNothing) {
  ShakeHands();
  const std::string record(kTlsRecordPlaintextMax, 'x');
  ASSERT_EQ(client_->channel.Write(AsBytes(record)), Outcome::kOk);
  ASSERT_EQ(client_->channel.Write(AsBytes("end")), Outcome::kOk);
  std::array<ByteView, 16> slices;
  const size_t count = client_->channel.Output(slices);
  std::vector<BufferRef> hogged;
  for (size_t i = 0; i < count; ++i) {
    // In two blocks, so that the record must be put together, and with a second reference, so that
    // taking the ciphertext frees no block.
    for (ByteView rest = slices[i]; !rest.empty();) {
      const ByteView part = rest.first(std::min<size_t>(rest.size(), 10'000));
      rest = rest.subspan(part.size());
      BufferRef block = server_->pool.Take();
      std::memcpy(block.bytes().data(), part.data(), part.size());
      ASSERT_TRUE(server_->channel.Receive(block.Share(0, part.size())));
      hogged.push_back(std::move(block));
    }
  }
  while (server_->pool.free_count() > 0) hogged.push_back(server_->pool.Take());
  EXPECT_EQ(server_->Pump(), Outcome::kNoBuffers);
  EXPECT_EQ(server_->Pump(), Outcome::kNoBuffers);
  EXPECT_EQ(server_->received, "");
  hogged.clear();
  EXPECT_EQ(server_->Pump(), Outcome::kNeedMore);
  EXPECT_TRUE(server_->received == record + "end");
}

TEST_P(TlsChannelTest, ADryPoolOnlyDelaysTheHandshake) {
  std::vector<BufferRef> hogged;
  while (client_->pool.free_count() > 0) hogged.push_back(client_->pool.Take());
  EXPECT_EQ(client_->Pump(), Outcome::kNoBuffers);
  EXPECT_EQ(client_->Pump(), Outcome::kNoBuffers);
  EXPECT_EQ(client_->channel.Write(AsBytes("early")), Outcome::kNeedMore);
  hogged.clear();
  ShakeHands();
}

TEST_P(TlsChannelTest, SmallBlocksSplitARecordAndNothingElse) {
  Renew(64, 4096);
  ShakeHands();
  Random random(4);
  const std::string text = RandomText(random, kTlsRecordPlaintextMax);
  ASSERT_EQ(client_->channel.Write(AsBytes(text)), Outcome::kOk);
  Carry(*client_, *server_);
  EXPECT_EQ(server_->received, text);
  EXPECT_EQ(server_->slices, 4u);
}

TEST_P(TlsChannelTest, MoreSlicesThanTheInputHoldsAreLeftWithTheCaller) {
  ShakeHands();
  ASSERT_EQ(client_->channel.Write(AsBytes(std::string(200, 'x'))), Outcome::kOk);
  ByteView slice;
  ASSERT_EQ(client_->channel.Output({&slice, 1}), 1u);
  for (size_t i = 0; i < kTlsInputSlicesMax; ++i) server_->Give(slice.subspan(i, 1));
  BufferRef more = server_->pool.Take();
  EXPECT_FALSE(server_->channel.Receive(std::move(more)));
  EXPECT_FALSE(more.empty());
  EXPECT_EQ(server_->Pump(), Outcome::kNeedMore);
  server_->Give(slice.subspan(kTlsInputSlicesMax));
  server_->Pump();
  EXPECT_EQ(server_->received, std::string(200, 'x'));
}

TEST_P(TlsChannelTest, CloseNotifyEndsOneDirectionAndTheOtherGoesOn) {
  ShakeHands();
  ASSERT_EQ(client_->channel.Write(AsBytes("last words")), Outcome::kOk);
  EXPECT_EQ(client_->channel.Close(), Outcome::kOk);
  EXPECT_EQ(client_->channel.Close(), Outcome::kOk);
  Carry(*client_, *server_);
  EXPECT_EQ(server_->received, "last words");
  EXPECT_EQ(server_->last, Outcome::kEndOfStream);
  ASSERT_EQ(server_->channel.Write(AsBytes("answer")), Outcome::kOk);
  EXPECT_EQ(server_->channel.Close(), Outcome::kOk);
  Carry(*server_, *client_);
  EXPECT_EQ(client_->received, "answer");
  EXPECT_EQ(client_->last, Outcome::kEndOfStream);
}

TEST_P(TlsChannelTest, ACutConnectionIsNotMistakenForAnEnd) {
  ShakeHands();
  ASSERT_EQ(client_->channel.Write(AsBytes("half a record")), Outcome::kOk);
  ByteView slice;
  ASSERT_EQ(client_->channel.Output({&slice, 1}), 1u);
  server_->Give(slice.first(slice.size() / 2));
  EXPECT_EQ(server_->Pump(), Outcome::kNeedMore);
  EXPECT_EQ(server_->received, "");
}

TEST_P(TlsChannelTest, AChangedByteEndsTheConnectionAndTheOtherSideIsTold) {
  ShakeHands();
  ASSERT_EQ(client_->channel.Write(AsBytes("pay 1 to mallory")), Outcome::kOk);
  ByteView slice;
  ASSERT_EQ(client_->channel.Output({&slice, 1}), 1u);
  std::string bytes(AsText(slice));
  bytes[10] = static_cast<char>(bytes[10] ^ 1);
  server_->Give(AsBytes(bytes));
  EXPECT_EQ(server_->Pump(), Outcome::kError);
  EXPECT_EQ(server_->channel.error(), TlsError::kBadRecord);
  EXPECT_EQ(server_->channel.Write(AsBytes("x")), Outcome::kError);
  EXPECT_GT(server_->channel.output_size(), 0u) << "the alert";
  client_->channel.OutputSent(slice.size());
  Carry(*server_, *client_);
  EXPECT_EQ(client_->channel.error(), TlsError::kPeerAlert);
  EXPECT_THAT(client_->channel.error_text(), HasSubstr("alert"));
}

TEST_P(TlsChannelTest, PlainHttpIsNamed) {
  server_->Give(AsBytes("GET / HTTP/1.1\r\nHost: relay.test\r\n\r\n"));
  EXPECT_EQ(server_->Pump(), Outcome::kError);
  EXPECT_EQ(server_->channel.error(), TlsError::kNotTls);
  EXPECT_THAT(server_->channel.error_text(), HasSubstr("https"));
}

TEST_P(TlsChannelTest, AServerThatSpeaksPlainHttpIsNamed) {
  client_->Pump();
  client_->Give(AsBytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  EXPECT_EQ(client_->Pump(), Outcome::kError);
  EXPECT_EQ(client_->channel.error(), TlsError::kNotTls);
}

TEST_P(TlsChannelTest, GarbageAtAnyPointOfTheHandshakeEndsInAnErrorAndNeverInMore) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Renew();
    client_->Pump();
    ByteView slice;
    ASSERT_EQ(client_->channel.Output({&slice, 1}), 1u);
    const size_t good = random.Range(0, slice.size() - 1);
    server_->Give(slice.first(good));
    server_->Pump();
    // Long enough for the longest record that a header can promise.
    for (int i = 0; i < 6 && server_->channel.error() == TlsError::kNone; ++i) {
      server_->Give(AsBytes(RandomText(random, kTestBlockSize)));
      server_->Pump();
    }
    EXPECT_NE(server_->channel.error(), TlsError::kNone) << "seed " << seed;
    EXPECT_FALSE(server_->channel.error_text().empty());
    EXPECT_EQ(server_->received, "");
  }
}

TEST_P(TlsChannelTest, ATruncatedHelloWaitsForMore) {
  client_->Pump();
  ByteView slice;
  ASSERT_EQ(client_->channel.Output({&slice, 1}), 1u);
  server_->Give(slice.first(slice.size() - 1));
  EXPECT_EQ(server_->Pump(), Outcome::kNeedMore);
  EXPECT_EQ(server_->channel.output_size(), 0u);
}

TEST_P(TlsChannelTest, BytesAfterAnErrorAreDropped) {
  server_->Give(AsBytes("rubbish rubbish rubbish"));
  EXPECT_EQ(server_->Pump(), Outcome::kError);
  const uint16_t free_count = server_->pool.free_count();
  server_->Give(AsBytes("more"));
  EXPECT_EQ(server_->pool.free_count(), free_count);
  EXPECT_EQ(server_->Pump(), Outcome::kError);
}

INSTANTIATE_TEST_SUITE_P(All, TlsChannelTest,
                         ::testing::Values(Carriers{TlsRecords::kInPlace, TlsRecords::kInPlace},
                                           Carriers{TlsRecords::kInPlace, TlsRecords::kBoringSsl},
                                           Carriers{TlsRecords::kBoringSsl, TlsRecords::kInPlace},
                                           Carriers{TlsRecords::kBoringSsl,
                                                    TlsRecords::kBoringSsl}),
                         [](const ::testing::TestParamInfo<Carriers>& info) {
                           const auto name = [](TlsRecords records) {
                             return std::string(records == TlsRecords::kInPlace ? "InPlace"
                                                                                : "BoringSsl");
                           };
                           return name(info.param.client) + "To" + name(info.param.server);
                         });

}  // namespace
}  // namespace engine::test
