// Goal: whatever a peer of an established connection sends, whether it has the keys or not, opening
// neither crashes nor reads out of bounds, and only what was sealed is ever opened, whether a
// record lies in one place or in two. Method: the input is a script of records: well-sealed ones
// with any inside, the same with a byte changed, and foreign bytes. Each lies in memory of exactly
// its size. A second opener of the same connection has each record cut in two, anywhere, and must
// find the same.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/check.h"
#include "engine/tls/record_opener.h"
#include "tests/unit/tls/sealed_record.h"

namespace engine {
namespace {

constexpr TlsSuite kSuites[] = {TlsSuite::kAes128GcmSha256, TlsSuite::kAes256GcmSha384,
                                TlsSuite::kChaCha20Poly1305Sha256};

using Result = RecordOpener::Result;

// Openers are two of one connection: `whole` opens a record where it lies, `apart` out of two parts
// into a third place, unless the suite cannot.
struct Openers {
  Openers(TlsSuite suite, RecordOpener::Tickets tickets)
      : whole(suite, test::SecretFor(suite), 0, tickets),
        apart(suite, test::SecretFor(suite), 0, tickets) {}

  // Verify checks that both have failed alike, if they have.
  void Verify() const {
    const RecordFailure& one = whole.failure();
    const RecordFailure& other = apart.failure();
    CHECK(one.error == other.error);
    CHECK(one.alert == other.alert);
    CHECK(one.peer_alert == other.peer_alert);
    CHECK(std::string_view(one.text) == other.text);
  }

  RecordOpener whole;
  RecordOpener apart;
};

// OpenApart opens the record cut behind `cut` bytes, each part in memory of exactly its size.
Result OpenApart(RecordOpener& opener, const test::Record& record, size_t cut,
                 std::string& content) {
  const auto middle = record.begin() + static_cast<ptrdiff_t>(cut);
  const test::Record first(record.begin(), middle);
  const test::Record second(middle, record.end());
  test::Record place = opener.can_open_pieces() ? test::Record(record.size()) : record;
  std::span<std::byte> opened;
  const Result result = opener.can_open_pieces() ? opener.OpenPieces(first, second, place, opened)
                                                 : opener.Open(place, opened);
  if (result == Result::kData) CHECK(opened.data() == place.data() + kTlsRecordHeader);
  content = AsText(opened);
  return result;
}

// Give does what a connection does with the next bytes; content is filled with kData. `where` is
// any number, and says where a whole record is cut.
Result Give(Openers& openers, test::Record record, size_t where, std::string& content) {
  if (record.size() < kTlsRecordHeader) return Result::kNothing;
  const ByteView header = ByteView(record).first(kTlsRecordHeader);
  const size_t size = openers.whole.SizeOf(header);
  CHECK(openers.apart.SizeOf(header) == size);
  openers.Verify();
  if (size == 0) return Result::kFailed;
  CHECK(size <= kTlsRecordSizeMax);
  if (size > record.size()) return Result::kNothing;  // It waits for more.
  record.resize(size);
  record.shrink_to_fit();
  std::string content_apart;
  const size_t cut = kTlsRecordHeader + where % (size - kTlsRecordHeader + 1);
  const Result apart = OpenApart(openers.apart, record, cut, content_apart);
  std::span<std::byte> opened;
  const Result result = openers.whole.Open(record, opened);
  CHECK((result == Result::kFailed) == openers.whole.has_failed());
  CHECK((result == Result::kData) == !opened.empty());
  content = AsText(opened);
  CHECK(apart == result);
  CHECK(content_apart == content);
  openers.Verify();
  return result;
}

void Run(ByteReader script) {
  uint8_t setting = 0;
  if (!script.Read(setting)) return;
  const TlsSuite suite = kSuites[setting % 3];
  test::RoguePeer peer(suite);
  Openers openers(
      suite, setting < 128 ? RecordOpener::Tickets::kIgnored : RecordOpener::Tickets::kForbidden);
  uint8_t step = 0;
  uint8_t size = 0;
  ByteView bytes;
  while (!openers.whole.has_failed() && script.Read(step) && script.Read(size)) {
    if (!script.ReadBytes(std::min<size_t>(size, script.rest().size()), bytes)) return;
    const size_t where = size_t{step} * 256 + size;
    std::string content;
    if (step % 4 == 0) {  // Foreign bytes.
      CHECK(Give(openers, {bytes.begin(), bytes.end()}, where, content) != Result::kData);
      continue;
    }
    std::string inner =
        step % 4 == 1 ? std::string(AsText(bytes)) + '\x17' : std::string(AsText(bytes));
    if (inner.empty()) inner = std::string(1, '\0');
    inner.append(size_t{step} / 4 * (step % 4 == 2 ? 300 : 1), '\0');  // Padding.
    if (inner.size() > kTlsSealedMax - kTlsRecordTag) return;
    test::Record record = peer.SealInner(inner);
    if (step % 4 == 3) {  // One byte is changed on the way.
      record[size_t{step} * 7 % record.size()] ^= std::byte{0x10};
      CHECK(Give(openers, record, where, content) != Result::kData);
      return;
    }
    const Result result = Give(openers, record, where, content);
    inner.resize(inner.find_last_not_of('\0') + 1);
    if (result == Result::kData) CHECK(content + '\x17' == inner);
    // The peer keeps up with its own key updates, wherever they end in its records.
    if (result == Result::kUpdateRequested || inner == std::string("\x18\0\0\1\0\x16", 6)) {
      peer.keys().Update();
    }
  }
}

}  // namespace
}  // namespace engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  engine::Run(engine::ByteReader({reinterpret_cast<const std::byte*>(data), size}));
  return 0;
}
