// Goal: our record layer and BoringSSL's are the same to everybody outside: what one seals the
// other opens, and they end for the same reasons. Method: a channel talks to BoringSSL itself, as
// server and as client; beside it, where bytes are wrong, a channel that lets BoringSSL carry its
// records, whose verdicts must be the same. The suite is what BoringSSL picks: a second run,
// without AES instructions, gets ChaCha20-Poly1305.

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/tls/record_opener.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/reference_tls.h"
#include "tests/unit/tls/tls_pair.h"

namespace engine::test {
namespace {

std::string RandomText(Random& random, size_t size) {
  std::string text(size, '\0');
  for (char& letter : text) letter = static_cast<char>(random.Next());
  return text;
}

struct Setting {
  TlsRole role;  // Of the channel.
  bool aes_256;
};

// Duo is a channel and BoringSSL, connected.
class Duo {
 public:
  Duo(const TestAuthority& authority, Setting setting, TlsRecords records)
      : role_(setting.role),
        reference(role_ == TlsRole::kServer ? TlsRole::kClient : TlsRole::kServer, authority,
                  setting.aes_256) {
    if (role_ == TlsRole::kServer) {
      context_ = Must(TlsContext::Server({.identity = authority.ServerIdentity(),
                                          .client_authority_pem = {},
                                          .protocols = {},
                                          .clock = TestClock(),
                                          .records = records}));
    } else {
      context_ = Must(TlsContext::Client({.trust = TlsTrust::Authority(authority.Pem()),
                                          .identity = {},
                                          .protocols = {},
                                          .clock = TestClock(),
                                          .records = records}));
    }
    if (setting.aes_256) PreferAes256(context_->settings()->context.get());
    end = std::make_unique<TlsEnd>(*context_, role_ == TlsRole::kClient ? "relay.test" : "", 128);
    end->Pump();
    reference.Pump();
    for (int flight = 0; flight < 4; ++flight) {
      ToReference();
      ToChannel();
    }
    EXPECT_TRUE(end->channel.handshake_done()) << end->channel.error_text();
    EXPECT_FALSE(SSL_in_init(reference.ssl()));
  }

  // ToReference moves all output of the channel, ToChannel all of BoringSSL's, in blocks of at most
  // `chunk` bytes. They return how the reading ended.
  int ToReference() {
    ByteView slice;
    while (end->channel.Output({&slice, 1}) == 1) {
      reference.Give(slice);
      end->channel.OutputSent(slice.size());
    }
    return reference.Pump();
  }
  Outcome ToChannel(size_t chunk = kTestBlockSize) { return GiveChannel(reference.Take(), chunk); }
  Outcome GiveChannel(const std::string& bytes, size_t chunk = kTestBlockSize) {
    for (ByteView rest = AsBytes(bytes); !rest.empty();) {
      const ByteView part = rest.first(std::min(chunk, rest.size()));
      rest = rest.subspan(part.size());
      end->Give(part);
      end->Pump();
    }
    return end->last;
  }

 private:
  const TlsRole role_;
  std::unique_ptr<TlsContext> context_;

 public:
  ReferenceTls reference;
  std::unique_ptr<TlsEnd> end;
};

class RecordDifferentialTest : public ::testing::TestWithParam<Setting> {
 protected:
  std::unique_ptr<Duo> Connect(TlsRecords records = TlsRecords::kInPlace) {
    return std::make_unique<Duo>(authority_, GetParam(), records);
  }
  TestAuthority authority_;
};

TEST_P(RecordDifferentialTest, TheSuiteIsTheOneThatThisRunIsFor) {
  const auto duo = Connect();
  const int suite = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(duo->reference.ssl()));
  EXPECT_EQ(suite, !EVP_has_aes_hardware() ? 0x1303 : GetParam().aes_256 ? 0x1302 : 0x1301);
}

TEST_P(RecordDifferentialTest, ExportersAgree) {
  const auto duo = Connect();
  std::array<std::byte, 77> ours, theirs;
  duo->end->channel.Export("EXPORTER-adit", AsBytes("context"), ours);
  ASSERT_EQ(
      SSL_export_keying_material(duo->reference.ssl(), crypto::MutableOctets(theirs), theirs.size(),
                                 "EXPORTER-adit", 13, crypto::Octets(AsBytes("context")), 7, 1),
      1);
  EXPECT_EQ(ours, theirs);
}

TEST_P(RecordDifferentialTest, TextOfAllSizesGoesBothWaysWhateverTheBlocksAndKeys) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const auto duo = Connect();
    Random random(seed);
    std::string to_channel, to_reference;
    for (int i = 0; i < 120; ++i) {
      const bool large = random.Chance(25);
      const std::string text = RandomText(random, random.Range(1, large ? 40'000 : 300));
      switch (random.Range(0, 9)) {
        case 0:  // BoringSSL answers with its own before its next record.
          ASSERT_EQ(SSL_key_update(duo->reference.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
          duo->reference.Write("K");
          to_channel += "K";
          break;
        case 1:
          ASSERT_EQ(SSL_key_update(duo->reference.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
          duo->reference.Write("k");
          to_channel += "k";
          break;
        case 2:
        case 3:
        case 4:
          for (ByteView rest = AsBytes(text); !rest.empty();) {
            const ByteView record = rest.first(std::min(rest.size(), kTlsRecordPlaintextMax));
            rest = rest.subspan(record.size());
            const size_t cut = random.Range(0, record.size());
            const std::array<ByteView, 2> pieces = {record.first(cut), record.subspan(cut)};
            ASSERT_EQ(duo->end->channel.Write(pieces), Outcome::kOk);
          }
          to_reference += text;
          break;
        case 5:
          ASSERT_EQ(duo->ToReference(), SSL_ERROR_WANT_READ) << duo->reference.reason();
          break;
        default:
          duo->reference.Write(text);
          to_channel += text;
          ASSERT_EQ(duo->ToChannel(random.Chance(50) ? random.Range(600, 5000) : 20'000),
                    Outcome::kNeedMore)
              << duo->end->channel.error_text() << ", seed " << seed;
          break;
      }
      if (duo->end->channel.output_size() > 100'000) duo->ToReference();
    }
    duo->ToChannel();
    ASSERT_EQ(duo->ToReference(), SSL_ERROR_WANT_READ);
    EXPECT_TRUE(duo->end->received == to_channel) << "seed " << seed;
    EXPECT_TRUE(duo->reference.received == to_reference) << "seed " << seed;
    EXPECT_EQ(duo->end->pool.free_count(), duo->end->pool.block_count());
  }
}

TEST_P(RecordDifferentialTest, RecordsMayBeCutAnywhere) {
  const auto duo = Connect();
  std::string expected;
  for (size_t cut = 1;; ++cut) {
    duo->reference.Write("first");
    duo->reference.Write("second!");
    expected += "firstsecond!";
    const std::string bytes = duo->reference.Take();
    if (cut == bytes.size()) break;
    // In two blocks, and then as two parts of one.
    ASSERT_EQ(duo->GiveChannel(bytes.substr(0, cut)), Outcome::kNeedMore);
    ASSERT_EQ(duo->GiveChannel(bytes.substr(cut)), Outcome::kNeedMore);
    ASSERT_EQ(duo->end->received, expected) << "cut at " << cut;
    duo->reference.Write("third");
    expected += "third";
    const std::string more = duo->reference.Take();
    if (cut >= more.size()) {
      ASSERT_EQ(duo->GiveChannel(more), Outcome::kNeedMore);
      continue;
    }
    const uint64_t copied = duo->end->channel.counts().opened_copied_bytes;
    const BufferRef block = duo->end->pool.Take();
    std::memcpy(block.bytes().data(), more.data(), more.size());
    ASSERT_TRUE(duo->end->channel.Receive(block.Share(0, cut)));
    ASSERT_EQ(duo->end->Pump(), Outcome::kNeedMore);
    ASSERT_TRUE(duo->end->channel.Receive(block.Share(cut, more.size() - cut)));
    ASSERT_EQ(duo->end->Pump(), Outcome::kNeedMore);
    ASSERT_EQ(duo->end->received, expected);
    EXPECT_EQ(duo->end->channel.counts().opened_copied_bytes, copied) << "one block, no copy";
  }
}

TEST_P(RecordDifferentialTest, AChangedByteAnywhereHasTheSameEndAsWithBoringSsl) {
  // Header, content, type and tag of a record of three bytes.
  for (size_t at = 0; at < 3 + kTlsRecordOverhead; ++at) {
    std::array<TlsError, 2> errors;
    std::array<int, 2> alerts;
    std::array<Outcome, 2> outcomes;
    for (const size_t i : {0u, 1u}) {
      const auto duo = Connect(i == 0 ? TlsRecords::kInPlace : TlsRecords::kBoringSsl);
      duo->reference.Write("tickets come with the first record");
      ASSERT_EQ(duo->ToChannel(), Outcome::kNeedMore);
      duo->end->received.clear();
      duo->reference.Write("key");
      std::string bytes = duo->reference.Take();
      ASSERT_EQ(bytes.size(), 3 + kTlsRecordOverhead);
      bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
      outcomes[i] = duo->GiveChannel(bytes);
      errors[i] = duo->end->channel.error();
      duo->ToReference();
      alerts[i] = duo->reference.alert();
      EXPECT_EQ(duo->end->received, "") << "byte " << at;
    }
    EXPECT_EQ(outcomes[0], outcomes[1]) << "byte " << at;
    if (at == 0) {
      // The outer type: BoringSSL finds the record forged, and we that it is out of place (5).
      EXPECT_EQ(alerts[0], SSL_AD_UNEXPECTED_MESSAGE);
      EXPECT_EQ(alerts[1], SSL_AD_BAD_RECORD_MAC);
      continue;
    }
    EXPECT_EQ(alerts[0], alerts[1]) << "byte " << at;
    // Another version, after a handshake: BoringSSL's own error is the one for what is no TLS at
    // all.
    const bool version = at == 1 || at == 2;
    EXPECT_EQ(errors[0], version ? TlsError::kProtocol : errors[1]) << "byte " << at;
  }
}

TEST_P(RecordDifferentialTest, EveryAlertHasTheSameNameAsWithBoringSsl) {
  for (int alert = 1; alert < 256; alert += alert < 122 ? 1 : 19) {
    // 6.1: these two are no errors whatever their level. BoringSSL takes them for such if they come
    // with the fatal one, which nobody sends.
    if (alert == SSL_AD_CLOSE_NOTIFY || alert == SSL_AD_USER_CANCELLED) continue;
    std::array<TlsError, 2> errors;
    std::array<std::string, 2> texts;
    for (const size_t i : {0u, 1u}) {
      const auto duo = Connect(i == 0 ? TlsRecords::kInPlace : TlsRecords::kBoringSsl);
      SSL_send_fatal_alert(duo->reference.ssl(), static_cast<uint8_t>(alert));
      EXPECT_EQ(duo->ToChannel(), Outcome::kError);
      errors[i] = duo->end->channel.error();
      texts[i] = duo->end->channel.error_text();
      EXPECT_EQ(duo->end->channel.output_size(), 0u) << "an alert is not answered";
    }
    EXPECT_EQ(errors[0], errors[1]) << "alert " << alert;
    EXPECT_EQ(texts[0], texts[1]);
  }
}

TEST_P(RecordDifferentialTest, TheEndIsHeardOnBothSides) {
  const auto duo = Connect();
  duo->reference.Write("last words");
  SSL_shutdown(duo->reference.ssl());
  EXPECT_EQ(duo->ToChannel(), Outcome::kEndOfStream);
  EXPECT_EQ(duo->end->received, "last words");
  ASSERT_EQ(duo->end->channel.Write(AsBytes("answer")), Outcome::kOk);
  EXPECT_EQ(duo->end->channel.Close(), Outcome::kOk);
  EXPECT_EQ(duo->ToReference(), SSL_ERROR_ZERO_RETURN);
}

TEST_P(RecordDifferentialTest, AFloodOfKeyUpdatesEndsWhereBoringSslEndsIt) {
  std::array<int, 2> survived{};
  for (const size_t i : {0u, 1u}) {
    const auto duo = Connect(i == 0 ? TlsRecords::kInPlace : TlsRecords::kBoringSsl);
    while (survived[i] < 100) {
      ASSERT_EQ(SSL_key_update(duo->reference.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
      // BoringSSL sends it with its next write, and an empty one is none.
      SSL_write(duo->reference.ssl(), "", 0);
      const std::string bytes = duo->reference.Take();
      ASSERT_FALSE(bytes.empty());
      if (duo->GiveChannel(bytes) == Outcome::kError) break;
      ++survived[i];
    }
  }
  EXPECT_EQ(survived[0], survived[1]);
  EXPECT_EQ(survived[0], RecordOpener::kKeyUpdatesMax);
}

INSTANTIATE_TEST_SUITE_P(
    All, RecordDifferentialTest,
    ::testing::Values(Setting{TlsRole::kServer, false}, Setting{TlsRole::kClient, false},
                      Setting{TlsRole::kServer, true}, Setting{TlsRole::kClient, true}),
    [](const ::testing::TestParamInfo<Setting>& info) {
      return std::string(info.param.role == TlsRole::kServer ? "Server" : "Client") +
             (info.param.aes_256 ? "Aes256" : "");
    });

}  // namespace
}  // namespace engine::test
