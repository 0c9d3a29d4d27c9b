// Goal: an established connection accepts what RFC 8446 allows, and answers everything else with
// the alert that it names; after that nothing is opened any more.
// Method: a peer that seals whatever the test wants, under all three suites.

#include "engine/tls/record_opener.h"

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/random.h"
#include "engine/tls/record_sealer.h"
#include "gtest/gtest.h"
#include "tests/unit/tls/sealed_record.h"

namespace engine::test {
namespace {

using Result = RecordOpener::Result;
using Tickets = RecordOpener::Tickets;

constexpr auto kData = ContentType::kApplicationData;
constexpr auto kAlert = ContentType::kAlert;
constexpr auto kHandshake = ContentType::kHandshake;

class RecordOpenerTest : public ::testing::TestWithParam<TlsSuite> {
 protected:
  // Give hands a whole record over, as a connection would.
  Result Give(Record record) {
    if (opener_.SizeOf(ByteView(record).first(kTlsRecordHeader)) == 0) return Result::kFailed;
    EXPECT_EQ(opener_.SizeOf(ByteView(record).first(kTlsRecordHeader)), record.size());
    last_ = std::move(record);
    std::span<std::byte> content;
    const Result result = opener_.Open(last_, content);
    content_ = AsText(content);
    return result;
  }

  // Refuses expects that the record is the end, by this alert.
  void Refuses(Record record, TlsAlert alert, TlsError error = TlsError::kProtocol) {
    ASSERT_EQ(Give(std::move(record)), Result::kFailed);
    EXPECT_TRUE(opener_.has_failed());
    EXPECT_EQ(opener_.failure().error, error);
    EXPECT_EQ(opener_.failure().alert, alert);
    EXPECT_NE(std::string(opener_.failure().text), "");
    EXPECT_EQ(content_, "");
    const Record more = peer_.Seal(kData, "more");
    EXPECT_DEATH(static_cast<void>(opener_.SizeOf(ByteView(more).first(kTlsRecordHeader))),
                 "CHECK");
    std::span<std::byte> content;
    EXPECT_DEATH(static_cast<void>(opener_.Open(last_, content)), "CHECK");
  }

  RoguePeer peer_{GetParam()};
  RecordOpener opener_{GetParam(), SecretFor(GetParam()), 0, Tickets::kIgnored};
  Record last_;
  std::string content_;
};

TEST_P(RecordOpenerTest, DataOfEverySizeIsOpenedWhereItLies) {
  for (const size_t size : {1u, 2u, 15u, 16u, 17u, 100u, 1000u, 16383u, 16384u}) {
    const std::string text(size, 'x');
    ASSERT_EQ(Give(peer_.Seal(kData, text)), Result::kData) << size;
    EXPECT_EQ(content_, text);
  }
}

TEST_P(RecordOpenerTest, PaddingIsTakenOff) {
  ASSERT_EQ(Give(peer_.Seal(kData, "padded", 1)), Result::kData);
  EXPECT_EQ(content_, "padded");
  ASSERT_EQ(Give(peer_.Seal(kData, std::string("ends in zero\0", 13), 1000)), Result::kData);
  EXPECT_EQ(content_, std::string("ends in zero\0", 13));
  ASSERT_EQ(Give(peer_.Seal(kData, "all of it", kTlsRecordPlaintextMax - 9)), Result::kData);
  EXPECT_EQ(content_, "all of it");
}

TEST_P(RecordOpenerTest, MoreThanARecordMayHoldIsTooMuch) {
  Refuses(peer_.Seal(kData, "x", kTlsRecordPlaintextMax), TlsAlert::kRecordOverflow);
}

TEST_P(RecordOpenerTest, APromiseOfMoreThanARecordMayHoldIsRefusedBeforeItComes) {
  Record header = {std::byte{23}, std::byte{3}, std::byte{3}, std::byte{0x41}, std::byte{0x00}};
  EXPECT_EQ(opener_.SizeOf(header), kTlsRecordSizeMax);
  header[4] = std::byte{1};
  Refuses(header, TlsAlert::kRecordOverflow);
}

TEST_P(RecordOpenerTest, ARecordTooShortForATagIsNotGenuine) {
  Record header = {std::byte{23}, std::byte{3}, std::byte{3}, std::byte{0}, std::byte{16}};
  Refuses(header, TlsAlert::kBadRecordMac, TlsError::kBadRecord);
}

TEST_P(RecordOpenerTest, NothingButPaddingIsRefused) {
  Refuses(peer_.SealInner(std::string(1, '\0')), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AFullRecordOfPaddingIsRefused) {
  Refuses(peer_.SealInner(std::string(kTlsRecordPlaintextMax + 1, '\0')),
          TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, EmptyRecordsAreAllowedButNotForEver) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < RecordOpener::kEmptyRecordsMax; ++i) {
      ASSERT_EQ(Give(peer_.Seal(kData, "", i % 3 == 0 ? 100 : 0)), Result::kNothing);
    }
    ASSERT_EQ(Give(peer_.Seal(kData, "something")), Result::kData);
  }
  for (int i = 0; i < RecordOpener::kEmptyRecordsMax; ++i) Give(peer_.Seal(kData, ""));
  Refuses(peer_.Seal(kData, ""), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, ATypeThatIsNoneIsRefused) {
  Refuses(peer_.Seal(ContentType{24}, "heartbeat"), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, ASealedChangeCipherSpecIsRefused) {
  Refuses(peer_.Seal(ContentType::kChangeCipherSpec, "\x01"), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AChangeCipherSpecInTheClearIsRefused) {
  Refuses({std::byte{20}, std::byte{3}, std::byte{3}, std::byte{0}, std::byte{1}, std::byte{1}},
          TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AnAlertInTheClearIsRefused) {
  Refuses({std::byte{21}, std::byte{3}, std::byte{3}, std::byte{0}, std::byte{2}, std::byte{1},
           std::byte{0}},
          TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AnotherVersionIsRefused) {
  Refuses(peer_.Seal(kData, "x", 0, {23, 3, 1}), TlsAlert::kProtocolVersion);
}

TEST_P(RecordOpenerTest, EveryChangedBitIsRefused) {
  const Record record = peer_.Seal(kData, "pay 1 to mallory");
  for (size_t i = 0; i < record.size() * 8; ++i) {
    RecordOpener opener(GetParam(), SecretFor(GetParam()), 0, Tickets::kIgnored);
    Record changed = record;
    changed[i / 8] ^= static_cast<std::byte>(1 << (i % 8));
    const size_t size = opener.SizeOf(ByteView(changed).first(kTlsRecordHeader));
    std::span<std::byte> content;
    if (size == record.size()) {
      EXPECT_EQ(opener.Open(changed, content), Result::kFailed) << "bit " << i;
      EXPECT_EQ(opener.failure().alert, TlsAlert::kBadRecordMac);
      // What an attacker's bytes decrypt to is not left lying about.
      EXPECT_EQ(AsText(changed).find("mallory"), std::string::npos);
    } else {
      EXPECT_TRUE(size == 0 || i >= 24) << "a wrong size waits for other bytes";
    }
  }
}

TEST_P(RecordOpenerTest, ARecordInTwoPartsIsOpenedIntoAThirdPlaceWhereverItIsCut) {
  if (!opener_.can_open_pieces()) return;
  std::string text(2100, '\0');
  Random random(5);
  for (char& letter : text) letter = static_cast<char>(random.Next());
  for (size_t cut = kTlsRecordHeader; cut <= text.size() + kTlsRecordOverhead; ++cut) {
    const Record sealed = peer_.Seal(kData, text);
    const Record first(sealed.begin(), sealed.begin() + static_cast<ptrdiff_t>(cut));
    const Record second(sealed.begin() + static_cast<ptrdiff_t>(cut), sealed.end());
    Record place(sealed.size());
    std::span<std::byte> content;
    ASSERT_EQ(opener_.OpenPieces(first, second, place, content), Result::kData) << "cut " << cut;
    ASSERT_TRUE(AsText(content) == text) << "cut " << cut;
    EXPECT_EQ(content.data(), place.data() + kTlsRecordHeader);
  }
}

TEST_P(RecordOpenerTest, AChangedByteInEitherPartIsRefusedAndNothingIsLeftBehind) {
  if (!opener_.can_open_pieces()) return;
  const std::string text(300, 'p');
  const Record sealed = peer_.Seal(kData, text);
  for (size_t at = 0; at < sealed.size(); ++at) {
    Record changed = sealed;
    changed[at] ^= std::byte{1};
    RecordOpener opener(GetParam(), SecretFor(GetParam()), 0, Tickets::kIgnored);
    const ByteView all = changed;
    Record place(sealed.size());
    std::span<std::byte> content;
    ASSERT_EQ(opener.OpenPieces(all.first(100), all.subspan(100), place, content), Result::kFailed);
    EXPECT_EQ(opener.failure().alert, TlsAlert::kBadRecordMac);
    EXPECT_EQ(AsText(place).find("pp"), std::string::npos);
  }
}

TEST_P(RecordOpenerTest, ManyConnectionsShareAThreadsCiphers) {
  // Each has its own keys, and they take turns; some go away in between.
  constexpr size_t kCount = 6;
  std::vector<std::unique_ptr<RecordSealer>> sealers(kCount);
  std::vector<std::unique_ptr<RecordOpener>> openers(kCount);
  Random random(9);
  const std::string text(5000, 't');
  for (int i = 0; i < 400; ++i) {
    const size_t who = random.Range(0, kCount - 1);
    if (sealers[who] == nullptr || random.Chance(5)) {
      const auto secret = SecretFor(GetParam(), static_cast<uint8_t>(i % 250));
      sealers[who] = std::make_unique<RecordSealer>(GetParam(), secret, 0);
      openers[who] = std::make_unique<RecordOpener>(GetParam(), secret, 0, Tickets::kIgnored);
    }
    const std::array<ByteView, 2> pieces = {AsBytes(text).first(8), AsBytes(text).subspan(8)};
    Record record(text.size() + kTlsRecordOverhead);
    const size_t copied = sealers[who]->SealPieces(kData, pieces, record);
    EXPECT_EQ(copied, openers[who]->can_open_pieces() ? 0u : text.size());
    std::span<std::byte> content;
    Record place(record.size());
    const Result result =
        openers[who]->can_open_pieces() && random.Chance(50)
            ? openers[who]->OpenPieces(ByteView(record).first(3000), ByteView(record).subspan(3000),
                                       place, content)
            : openers[who]->Open(record, content);
    ASSERT_EQ(result, Result::kData);
    ASSERT_TRUE(AsText(content) == text);
  }
}

TEST_P(RecordOpenerTest, RepeatedSwappedAndLostRecordsAreRefused) {
  const Record first = peer_.Seal(kData, "first");
  const Record second = peer_.Seal(kData, "second");
  const Record third = peer_.Seal(kData, "third");
  for (const std::vector<Record>& order :
       {std::vector<Record>{first, first}, {second}, {first, third}}) {
    RecordOpener opener(GetParam(), SecretFor(GetParam()), 0, Tickets::kIgnored);
    Result result = Result::kData;
    for (Record record : order) {
      std::span<std::byte> content;
      ASSERT_EQ(result, Result::kData);
      result = opener.Open(record, content);
    }
    EXPECT_EQ(result, Result::kFailed);
  }
}

TEST_P(RecordOpenerTest, CloseNotifyIsTheEndAtAnyLevel) {
  EXPECT_EQ(Give(peer_.Seal(kAlert, std::string("\1\0", 2))), Result::kEnd);
  EXPECT_EQ(Give(peer_.Seal(kAlert, std::string("\2\0", 2))), Result::kEnd);
  EXPECT_FALSE(opener_.has_failed());
}

TEST_P(RecordOpenerTest, AnAlertOfThePeerEndsItAtAnyLevel) {
  for (const char level : {'\1', '\2', '\7'}) {
    RecordOpener opener(GetParam(), SecretFor(GetParam()), 0, Tickets::kIgnored);
    RoguePeer peer(GetParam());
    Record record = peer.Seal(kAlert, std::string{level, '\x14'});
    std::span<std::byte> content;
    EXPECT_EQ(opener.Open(record, content), Result::kFailed);
    EXPECT_EQ(opener.failure().error, TlsError::kPeerAlert);
    EXPECT_EQ(opener.failure().peer_alert, 20);
  }
}

TEST_P(RecordOpenerTest, AnUnknownAlertIsAnError) {
  ASSERT_EQ(Give(peer_.Seal(kAlert, "\1\xEE")), Result::kFailed);
  EXPECT_EQ(opener_.failure().peer_alert, 0xEE);
}

TEST_P(RecordOpenerTest, UserCanceledIsIgnoredButNotForEver) {
  for (int i = 0; i < RecordOpener::kUserCanceledMax; ++i) {
    ASSERT_EQ(Give(peer_.Seal(kAlert, "\1\x5A")), Result::kNothing);
  }
  Refuses(peer_.Seal(kAlert, "\1\x5A"), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AnAlertOfAnotherSizeIsRefused) {
  Refuses(peer_.Seal(kAlert, "\1"), TlsAlert::kDecodeError);
}

TEST_P(RecordOpenerTest, TwoAlertsInARecordAreRefused) {
  Refuses(peer_.Seal(kAlert, std::string("\1\0\1\0", 4)), TlsAlert::kDecodeError);
}

TEST_P(RecordOpenerTest, AnEmptyAlertIsRefused) {
  Refuses(peer_.Seal(kAlert, ""), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AnEmptyHandshakeRecordIsRefused) {
  Refuses(peer_.Seal(kHandshake, ""), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AKeyUpdateChangesTheKeys) {
  EXPECT_EQ(Give(peer_.KeyUpdate(0)), Result::kNothing);
  EXPECT_EQ(Give(peer_.Seal(kData, "new keys")), Result::kData);
  EXPECT_EQ(Give(peer_.KeyUpdate(1)), Result::kUpdateRequested);
  EXPECT_EQ(Give(peer_.Seal(kData, "newer keys")), Result::kData);
  EXPECT_EQ(content_, "newer keys");
}

TEST_P(RecordOpenerTest, TheOldKeysAreOfNoUseAfterAKeyUpdate) {
  RoguePeer old(GetParam(), 1);
  EXPECT_EQ(Give(peer_.KeyUpdate(0)), Result::kNothing);
  Refuses(old.Seal(kData, "old keys"), TlsAlert::kBadRecordMac, TlsError::kBadRecord);
}

TEST_P(RecordOpenerTest, AKeyUpdateMayComeInPieces) {
  EXPECT_EQ(Give(peer_.Seal(kHandshake, "\x18")), Result::kNothing);
  EXPECT_EQ(Give(peer_.Seal(kHandshake, std::string("\0\0\1", 3))), Result::kNothing);
  EXPECT_EQ(Give(peer_.Seal(kHandshake, "\1")), Result::kUpdateRequested);
  peer_.keys().Update();
  EXPECT_EQ(Give(peer_.Seal(kData, "new keys")), Result::kData);
}

TEST_P(RecordOpenerTest, DataInsideAMessageIsRefused) {
  EXPECT_EQ(Give(peer_.Seal(kHandshake, "\x18")), Result::kNothing);
  Refuses(peer_.Seal(kData, "x"), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AnythingBehindAKeyUpdateIsRefused) {
  Refuses(peer_.Seal(kHandshake, std::string("\x18\0\0\1\0\x18", 6)), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AKeyUpdateOfAnotherKindIsRefused) {
  Refuses(peer_.Seal(kHandshake, std::string("\x18\0\0\1\2", 5)), TlsAlert::kIllegalParameter);
}

TEST_P(RecordOpenerTest, AKeyUpdateOfAnotherSizeIsRefused) {
  Refuses(peer_.Seal(kHandshake, std::string("\x18\0\0\2\0\0", 6)), TlsAlert::kDecodeError);
}

TEST_P(RecordOpenerTest, AFloodOfKeyUpdatesIsStopped) {
  for (int i = 0; i < RecordOpener::kKeyUpdatesMax; ++i) {
    ASSERT_EQ(Give(peer_.KeyUpdate(1)), Result::kUpdateRequested);
  }
  Refuses(peer_.KeyUpdate(1), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, TicketsAreSkippedHoweverTheyAreCut) {
  std::string two("\4\0\1\0", 4);
  two.append(256, 't');
  two += two;
  EXPECT_EQ(Give(peer_.Seal(kHandshake, two)), Result::kNothing);
  for (const size_t cut : {1u, 3u, 4u, 5u, 100u, 259u, 260u, 261u, 519u}) {
    EXPECT_EQ(Give(peer_.Seal(kHandshake, two.substr(0, cut))), Result::kNothing);
    EXPECT_EQ(Give(peer_.Seal(kHandshake, two.substr(cut))), Result::kNothing);
    EXPECT_EQ(Give(peer_.Seal(kData, "data")), Result::kData) << "cut at " << cut;
  }
}

TEST_P(RecordOpenerTest, AnEndlessTicketIsRefused) {
  Refuses(peer_.Seal(kHandshake, std::string("\4\1\0\0", 4)), TlsAlert::kIllegalParameter);
}

TEST_P(RecordOpenerTest, ARequestForACertificateIsRefused) {
  Refuses(peer_.Seal(kHandshake, std::string("\15\0\0\0", 4)), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, AnotherFinishedIsRefused) {
  Refuses(peer_.Seal(kHandshake, std::string("\24\0\0\1x", 5)), TlsAlert::kUnexpectedMessage);
}

TEST_P(RecordOpenerTest, APeerThatNeverChangesItsKeysIsAskedToOnce) {
  if (GetParam() == TlsSuite::kChaCha20Poly1305Sha256) return;
  constexpr uint64_t kLast = RecordOpener::kAskUpdateAfterRecords - 1;
  RecordOpener opener(GetParam(), SecretFor(GetParam()), kLast, Tickets::kIgnored);
  RoguePeer peer(GetParam(), kLast);
  EXPECT_FALSE(opener.is_update_wanted());
  Record record = peer.Seal(kData, "x");
  std::span<std::byte> content;
  ASSERT_EQ(opener.Open(record, content), Result::kData);
  EXPECT_TRUE(opener.is_update_wanted());
  opener.AskedForUpdate();
  EXPECT_FALSE(opener.is_update_wanted());
  record = peer.KeyUpdate(0);
  ASSERT_EQ(opener.Open(record, content), Result::kNothing);
  EXPECT_FALSE(opener.is_update_wanted());
}

TEST_P(RecordOpenerTest, WhatASealerSealsAnOpenerOpensWhateverThePieces) {
  Random random(11);
  RecordSealer sealer(GetParam(), SecretFor(GetParam()), 0);
  std::string text(kTlsRecordPlaintextMax, '\0');
  for (char& letter : text) letter = static_cast<char>(random.Next());
  for (int i = 0; i < 300; ++i) {
    if (random.Chance(5)) {
      Record update(kKeyUpdateRecordSize);
      const auto request = static_cast<KeyUpdateRequest>(random.Range(0, 1));
      sealer.SealKeyUpdate(request, update);
      ASSERT_EQ(Give(std::move(update)), request == KeyUpdateRequest::kRequested
                                             ? Result::kUpdateRequested
                                             : Result::kNothing);
    }
    const std::string_view content = std::string_view(text).substr(
        0, random.Range(1, random.Chance(30) ? kTlsRecordPlaintextMax : 200));
    std::vector<ByteView> pieces;
    for (ByteView rest = AsBytes(content); !rest.empty();) {
      const size_t size = random.Range(0, rest.size());
      pieces.push_back(rest.first(size));
      rest = rest.subspan(size);
    }
    Record record(content.size() + kTlsRecordOverhead);
    sealer.SealPieces(kData, pieces, record);
    ASSERT_EQ(Give(std::move(record)), Result::kData);
    ASSERT_EQ(content_, content);
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecordOpenerTest,
                         ::testing::Values(TlsSuite::kAes128GcmSha256, TlsSuite::kAes256GcmSha384,
                                           TlsSuite::kChaCha20Poly1305Sha256),
                         [](const ::testing::TestParamInfo<TlsSuite>& info) -> std::string {
                           switch (info.param) {
                             case TlsSuite::kAes128GcmSha256:
                               return "Aes128Gcm";
                             case TlsSuite::kAes256GcmSha384:
                               return "Aes256Gcm";
                             default:
                               return "ChaCha20Poly1305";
                           }
                         });

}  // namespace
}  // namespace engine::test
