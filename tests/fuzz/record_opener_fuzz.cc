// Goal: whatever a peer of an established connection sends, whether it has the keys or not, opening
// neither crashes nor reads out of bounds, and only what was sealed is ever opened.
// Method: the input is a script of records: well-sealed ones with any inside, the same with a byte
// changed, and foreign bytes. Each lies in memory of exactly its size.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "engine/base/check.h"
#include "engine/tls/record_opener.h"
#include "tests/unit/tls/sealed_record.h"

namespace engine {
namespace {

constexpr TlsSuite kSuites[] = {TlsSuite::kAes128GcmSha256, TlsSuite::kAes256GcmSha384,
                                TlsSuite::kChaCha20Poly1305Sha256};

using Result = RecordOpener::Result;

// Give does what a connection does with the next bytes; content is filled with kData.
Result Give(RecordOpener& opener, test::Record record, std::string& content) {
  if (record.size() < kTlsRecordHeader) return Result::kNothing;
  const size_t size = opener.SizeOf(ByteView(record).first(kTlsRecordHeader));
  if (size == 0) return Result::kFailed;
  CHECK(size <= kTlsRecordSizeMax);
  if (size > record.size()) return Result::kNothing;  // It waits for more.
  record.resize(size);
  record.shrink_to_fit();
  std::span<std::byte> opened;
  const Result result = opener.Open(record, opened);
  CHECK((result == Result::kFailed) == opener.has_failed());
  CHECK((result == Result::kData) == !opened.empty());
  content = AsText(opened);
  return result;
}

void Run(ByteReader script) {
  uint8_t setting = 0;
  if (!script.Read(setting)) return;
  const TlsSuite suite = kSuites[setting % 3];
  test::RoguePeer peer(suite);
  RecordOpener opener(
      suite, test::SecretFor(suite), 0,
      setting < 128 ? RecordOpener::Tickets::kIgnored : RecordOpener::Tickets::kForbidden);
  uint8_t step = 0;
  uint8_t size = 0;
  ByteView bytes;
  while (!opener.has_failed() && script.Read(step) && script.Read(size)) {
    if (!script.ReadBytes(std::min<size_t>(size, script.rest().size()), bytes)) return;
    std::string content;
    if (step % 4 == 0) {  // Foreign bytes.
      CHECK(Give(opener, {bytes.begin(), bytes.end()}, content) != Result::kData);
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
      CHECK(Give(opener, record, content) != Result::kData);
      return;
    }
    const Result result = Give(opener, record, content);
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
