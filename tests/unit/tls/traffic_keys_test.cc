// Goal: keys, nonces, records and exporters are those of RFC 8446, and no key seals too much.
// Method: the records and secrets that RFC 8448 prints, section 3 ("Simple 1-RTT Handshake").

#include "engine/tls/traffic_keys.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/tls/record_opener.h"
#include "engine/tls/record_sealer.h"
#include "gtest/gtest.h"

namespace engine {
namespace {

// RFC 8448, 3: "derive secret "tls13 c ap traffic"" and its sisters.
constexpr std::string_view kClientSecret =
    "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
constexpr std::string_view kServerSecret =
    "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
constexpr std::string_view kExporterSecret =
    "fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50";
// "{client} send application_data record" and "{client} send alert record".
constexpr std::string_view kClientData =
    "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e"
    "2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
constexpr std::string_view kClientAlert = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";
// "{server} send a NewSessionTicket handshake message", "... application_data record", "... alert".
constexpr std::string_view kServerTicket =
    "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8f6b580dcf3d11d63c758db28"
    "9a015940252f55713e061dc13e078891a38efbcf5753ad8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f"
    "75e09c30ba1e62972ac46f75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025db"
    "2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64f650db4d023e70e952ca49fe51"
    "37121c74bc2697687e248746d6df353005f3bce18696129c8153556b3b6c6779b37bf15985684f";
constexpr std::string_view kServerData =
    "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa1b36e30efaf97d90e6dffc602dcb501a59"
    "a8fcc49c4bf2e5f0a21c0047c2abf332540dd032e167c2955d";
constexpr std::string_view kServerAlert = "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9";

constexpr TlsSuite kSuite = TlsSuite::kAes128GcmSha256;

std::vector<std::byte> Hex(std::string_view digits) {
  std::vector<std::byte> bytes(digits.size() / 2);
  EXPECT_TRUE(FromHex(digits, bytes));
  return bytes;
}

// The content of both application_data records: 50 bytes, 0 to 49.
std::vector<std::byte> Content() {
  std::vector<std::byte> content(50);
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::byte>(i);
  return content;
}

std::string Expand(std::string_view secret, std::string_view label, size_t size) {
  std::vector<std::byte> out(size);
  HkdfExpandLabel(kSuite, Hex(secret), label, {}, out);
  return ToHex(out);
}

TEST(TrafficKeysTest, KeysAndIvsAreThoseThatTheRfcPrints) {
  EXPECT_EQ(Expand(kClientSecret, "key", 16), "17422dda596ed5d9acd890e3c63f5051");
  EXPECT_EQ(Expand(kClientSecret, "iv", 12), "5b78923dee08579033e523d9");
  EXPECT_EQ(Expand(kServerSecret, "key", 16), "9f02283b6c9c07efc26bb9f2ac92e356");
  EXPECT_EQ(Expand(kServerSecret, "iv", 12), "cf782b88dd83549aadf1e984");
}

TEST(TrafficKeysTest, SealingGivesTheRecordsThatTheRfcPrints) {
  RecordSealer sealer(kSuite, Hex(kClientSecret), 0);
  const std::vector<std::byte> content = Content();
  std::vector<std::byte> record(content.size() + kTlsRecordOverhead);
  const ByteView piece = content;
  sealer.SealPieces(ContentType::kApplicationData, {&piece, 1}, record);
  EXPECT_EQ(ToHex(record), kClientData);

  std::vector<std::byte> alert(kAlertRecordSize);
  alert[kTlsRecordHeader] = std::byte{1};
  alert[kTlsRecordHeader + 1] = std::byte{0};
  sealer.SealInPlace(ContentType::kAlert, alert);
  EXPECT_EQ(ToHex(alert), kClientAlert);
}

TEST(TrafficKeysTest, OpeningUnderstandsTheRecordsThatTheRfcPrints) {
  RecordOpener opener(kSuite, Hex(kServerSecret), 0, RecordOpener::Tickets::kIgnored);
  std::span<std::byte> content;
  std::vector<std::byte> ticket = Hex(kServerTicket);
  EXPECT_EQ(opener.SizeOf(ByteView(ticket).first(kTlsRecordHeader)), ticket.size());
  EXPECT_EQ(opener.Open(ticket, content), RecordOpener::Result::kNothing);
  std::vector<std::byte> data = Hex(kServerData);
  ASSERT_EQ(opener.Open(data, content), RecordOpener::Result::kData);
  EXPECT_EQ(ToHex(content), ToHex(Content()));
  EXPECT_EQ(content.data(), data.data() + kTlsRecordHeader);
  std::vector<std::byte> alert = Hex(kServerAlert);
  EXPECT_EQ(opener.Open(alert, content), RecordOpener::Result::kEnd);
}

TEST(TrafficKeysTest, AServerRefusesATicket) {
  RecordOpener opener(kSuite, Hex(kServerSecret), 0, RecordOpener::Tickets::kForbidden);
  std::span<std::byte> content;
  std::vector<std::byte> ticket = Hex(kServerTicket);
  EXPECT_EQ(opener.Open(ticket, content), RecordOpener::Result::kFailed);
  EXPECT_EQ(opener.failure().alert, TlsAlert::kUnexpectedMessage);
}

TEST(TrafficKeysTest, ExportersDifferByLabelAndContext) {
  std::array<std::byte, 32> first, again, label, context;
  TlsExport(kSuite, Hex(kExporterSecret), "EXPORTER-a", AsBytes("x"), first);
  TlsExport(kSuite, Hex(kExporterSecret), "EXPORTER-a", AsBytes("x"), again);
  TlsExport(kSuite, Hex(kExporterSecret), "EXPORTER-b", AsBytes("x"), label);
  TlsExport(kSuite, Hex(kExporterSecret), "EXPORTER-a", AsBytes("y"), context);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, label);
  EXPECT_NE(first, context);
}

TEST(TrafficKeysTest, OnlyTheSuitesOfTls13AreKnown) {
  EXPECT_EQ(SuiteOf(0x1301), TlsSuite::kAes128GcmSha256);
  EXPECT_EQ(SuiteOf(0x1302), TlsSuite::kAes256GcmSha384);
  EXPECT_EQ(SuiteOf(0x1303), TlsSuite::kChaCha20Poly1305Sha256);
  EXPECT_EQ(SuiteOf(0x1304), std::nullopt);
  EXPECT_EQ(SuiteOf(0xC02F), std::nullopt);
}

TEST(TrafficKeysTest, AnAesGcmKeySealsNoMoreThanItMay) {
  const std::vector<std::byte> secret = Hex(kClientSecret);
  // 2^24.5, rounded down (RFC 8446, 5.5).
  EXPECT_EQ(TrafficKeys::kAesGcmRecordsMax, 23'726'566u);
  RecordSealer sealer(kSuite, secret, TrafficKeys::kAesGcmRecordsMax - 2);
  EXPECT_TRUE(sealer.is_update_due());
  ASSERT_TRUE(sealer.can_seal());
  std::vector<std::byte> record(100 + kTlsRecordOverhead);
  sealer.SealInPlace(ContentType::kApplicationData, record);
  ASSERT_TRUE(sealer.can_seal());
  std::vector<std::byte> update(kKeyUpdateRecordSize);
  sealer.SealKeyUpdate(KeyUpdateRequest::kNotRequested, update);
  EXPECT_TRUE(sealer.can_seal());
  EXPECT_FALSE(sealer.is_update_due());

  RecordSealer spent(kSuite, secret, TrafficKeys::kAesGcmRecordsMax);
  EXPECT_FALSE(spent.can_seal());
  EXPECT_DEATH(spent.SealInPlace(ContentType::kApplicationData, record), "CHECK");
}

TEST(TrafficKeysTest, ChaCha20HasNoLimitButTheSequenceNumber) {
  const std::vector<std::byte> secret = Hex(kClientSecret);
  constexpr TlsSuite kChaCha = TlsSuite::kChaCha20Poly1305Sha256;
  RecordSealer sealer(kChaCha, secret, TrafficKeys::kSequenceMax - 1);
  RecordOpener opener(kChaCha, secret, TrafficKeys::kSequenceMax - 1,
                      RecordOpener::Tickets::kIgnored);
  std::vector<std::byte> record(100 + kTlsRecordOverhead);
  ASSERT_TRUE(sealer.can_seal());
  sealer.SealInPlace(ContentType::kApplicationData, record);
  EXPECT_FALSE(sealer.can_seal());
  std::vector<std::byte> next = record;
  std::span<std::byte> content;
  EXPECT_EQ(opener.Open(record, content), RecordOpener::Result::kData);
  EXPECT_EQ(opener.Open(next, content), RecordOpener::Result::kFailed);
  EXPECT_EQ(opener.failure().alert, TlsAlert::kInternalError);
}

TEST(TrafficKeysTest, ASecretOfAnotherSizeIsOurMistake) {
  EXPECT_DEATH(RecordSealer(TlsSuite::kAes256GcmSha384, Hex(kClientSecret), 0), "CHECK");
}

}  // namespace
}  // namespace engine
