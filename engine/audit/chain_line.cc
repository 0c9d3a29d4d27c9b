#include "engine/audit/chain_line.h"

#include <charconv>
#include <span>

#include "engine/base/bytes.h"
#include "engine/base/check.h"

namespace engine::audit {
namespace {

constexpr size_t kTimeSize = 20;

// LineReader takes fixed text and values off the front of a line; after the first that is not
// there, nothing is.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  void Skip(std::string_view text) {
    if (!rest_.starts_with(text)) return Fail();
    rest_.remove_prefix(text.size());
  }
  std::string_view Take(size_t size) {
    if (rest_.size() < size) {
      Fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  uint64_t Number() {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    const auto size = static_cast<size_t>(end - rest_.data());
    if (error != std::errc() || rest_.substr(0, size) != std::to_string(number)) {
      Fail();
      return 0;
    }
    rest_.remove_prefix(size);
    return number;
  }
  void Hex(std::span<std::byte> out) {
    const std::string_view text = Take(2 * out.size());
    // Upper case would be another line of the same meaning.
    if (!FromHex(text, out) || ToHex(out) != text) Fail();
  }
  bool is_good() const { return is_good_; }
  std::string_view rest() const { return rest_; }

 private:
  void Fail() {
    is_good_ = false;
    rest_ = {};
  }
  std::string_view rest_;
  bool is_good_ = true;
};

bool IsTimeText(std::string_view text) {
  if (text.size() != kTimeSize) return false;
  for (size_t i = 0; i < kTimeSize; ++i) {
    constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
    const bool good = kForm[i] == '0' ? text[i] >= '0' && text[i] <= '9' : text[i] == kForm[i];
    if (!good) return false;
  }
  return true;
}

}  // namespace

ChainHash HashOf(uint64_t sequence, const ChainHash& previous, std::string_view record) {
  crypto::Sha256Hasher hasher;
  hasher.Update(
      AsBytes("adit-audit-record-1\n" + std::to_string(sequence) + "\n" + ToHex(previous) + "\n"));
  hasher.Update(AsBytes(record));
  return hasher.Finish();
}

std::string FormatRecordLine(const ChainRecord& record) {
  CHECK(record.record.size() <= kRecordSizeMax);
  CHECK(record.record.find('\n') == std::string_view::npos);
  std::string line = "{\"sequence\":" + std::to_string(record.sequence) + ",\"previous\":\"" +
                     ToHex(record.previous) + "\",\"hash\":\"" + ToHex(record.hash) +
                     "\",\"record\":";
  line.append(record.record);
  line.push_back('}');
  return line;
}

std::string DigestText(const ChainDigest& digest) {
  CHECK(IsTimeText(digest.time));
  return "{\"version\":1,\"first\":" + std::to_string(digest.first) +
         ",\"last\":" + std::to_string(digest.last) + ",\"hash\":\"" + ToHex(digest.hash) +
         "\",\"previous\":\"" + ToHex(digest.previous) + "\",\"time\":\"" + digest.time +
         "\",\"key\":\"" + ToHex(digest.key) + "\"}";
}

ChainHash DigestHash(const ChainDigest& digest) {
  return crypto::Sha256(AsBytes(DigestText(digest)));
}

SignedDigest SignDigest(const ChainDigest& digest, const crypto::IdentityKey& key) {
  CHECK(digest.key == key.public_key());
  return {digest, key.Sign(AsBytes("adit-audit-digest-1\n" + DigestText(digest)))};
}

bool IsSignedBy(const SignedDigest& digest, const crypto::IdentityPublicKey& key) {
  return digest.digest.key == key &&
         crypto::VerifyIdentity(key, AsBytes("adit-audit-digest-1\n" + DigestText(digest.digest)),
                                digest.signature);
}

std::string FormatDigestLine(const SignedDigest& digest) {
  return "{\"digest\":" + DigestText(digest.digest) + ",\"signature\":\"" +
         ToHex(digest.signature) + "\"}";
}

std::optional<ChainRecord> ParseRecordLine(std::string_view line) {
  LineReader reader(line);
  ChainRecord record;
  reader.Skip("{\"sequence\":");
  record.sequence = reader.Number();
  reader.Skip(",\"previous\":\"");
  reader.Hex(record.previous);
  reader.Skip("\",\"hash\":\"");
  reader.Hex(record.hash);
  reader.Skip("\",\"record\":");
  record.record = reader.rest();
  if (!reader.is_good() || !record.record.ends_with("}}")) return std::nullopt;
  record.record.remove_suffix(1);
  const bool good = record.record.starts_with('{') && record.record.size() <= kRecordSizeMax &&
                    record.record.find('\n') == std::string_view::npos;
  return good ? std::optional(record) : std::nullopt;
}

std::optional<SignedDigest> ParseDigestLine(std::string_view line) {
  LineReader reader(line);
  SignedDigest result;
  ChainDigest& digest = result.digest;
  reader.Skip("{\"digest\":{\"version\":1,\"first\":");
  digest.first = reader.Number();
  reader.Skip(",\"last\":");
  digest.last = reader.Number();
  reader.Skip(",\"hash\":\"");
  reader.Hex(digest.hash);
  reader.Skip("\",\"previous\":\"");
  reader.Hex(digest.previous);
  reader.Skip("\",\"time\":\"");
  digest.time = reader.Take(kTimeSize);
  reader.Skip("\",\"key\":\"");
  reader.Hex(digest.key);
  reader.Skip("\"},\"signature\":\"");
  reader.Hex(result.signature);
  reader.Skip("\"}");
  const bool good = reader.is_good() && reader.rest().empty() && IsTimeText(digest.time);
  return good ? std::optional(result) : std::nullopt;
}

}  // namespace engine::audit
