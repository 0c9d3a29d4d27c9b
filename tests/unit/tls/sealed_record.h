// Records as a peer could seal them that keeps to no rule: any content, type, padding and header.

#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/tls/record_format.h"
#include "engine/tls/traffic_keys.h"

namespace engine::test {

using Record = std::vector<std::byte>;

// SecretFor is a traffic secret of the suite's size.
inline std::vector<std::byte> SecretFor(TlsSuite suite, uint8_t seed = 7) {
  return std::vector<std::byte>(suite == TlsSuite::kAes256GcmSha384 ? 48 : 32, std::byte{seed});
}

class RoguePeer {
 public:
  explicit RoguePeer(TlsSuite suite, uint64_t sequence = 0)
      : keys_(suite, SecretFor(suite), sequence) {}

  TrafficKeys& keys() { return keys_; }

  Record Seal(ContentType type, std::string_view content, size_t padding = 0,
              std::array<uint8_t, 3> begin = {23, 3, 3}) {
    std::string inner(content);
    inner += static_cast<char>(type);
    inner.append(padding, '\0');
    return SealInner(inner, begin);
  }

  // SealInner seals what stands where content, type and padding should be. Requires: not empty.
  Record SealInner(std::string_view inner, std::array<uint8_t, 3> begin = {23, 3, 3}) {
    Record record(kTlsRecordHeader + inner.size() + kTlsRecordTag);
    for (size_t i = 0; i < begin.size(); ++i) record[i] = static_cast<std::byte>(begin[i]);
    StoreBig(record.data() + 3, static_cast<uint16_t>(inner.size() + kTlsRecordTag));
    const std::span<std::byte> all(record);
    keys_.Seal(all.first<kTlsRecordHeader>(), AsBytes(inner.substr(0, inner.size() - 1)),
               static_cast<ContentType>(inner.back()), record.data() + kTlsRecordHeader,
               all.last<kTlsRecordTrailer>());
    return record;
  }

  // KeyUpdate seals the message and goes on with the next keys.
  Record KeyUpdate(char request) {
    Record record =
        Seal(ContentType::kHandshake, std::string({'\x18', '\0', '\0', '\x01', request}));
    keys_.Update();
    return record;
  }

 private:
  TrafficKeys keys_;
};

}  // namespace engine::test
