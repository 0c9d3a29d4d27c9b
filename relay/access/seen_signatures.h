// Which signatures have counted already, and from where: a request that was copied on its way is
// not taken from anywhere else.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/crypto/digest.h"

namespace relay {

// SeenSignatures remembers each signature for as long as it counts. The same one from the same
// address is an honest repeat: clients send a request again when no answer came.
//
// It holds kMax, and of one access key kOfOneKeyMax. Past either a new signature is not taken, as
// what is not remembered could be repeated; the second maximum keeps one busy key from shutting out
// the others.
class SeenSignatures {
 public:
  static constexpr size_t kMax = 262'144;  // About 15 MB.
  static constexpr size_t kOfOneKeyMax = 65'536;

  enum class Sighting : uint8_t { kFirst, kRepeat, kElsewhere, kFull };
  struct Outcome {
    Sighting sighting = Sighting::kFirst;
    std::string first_source;  // Of kElsewhere.
  };

  // See notes a signature that is right. It is forgotten after `until_unix_ms`.
  Outcome See(const engine::crypto::Sha256Digest& signature, std::string_view access_key_id,
              std::string_view source, int64_t until_unix_ms, int64_t now_unix_ms);

  size_t count() const { return seen_.size(); }

 private:
  using Id = engine::crypto::Sha256Digest;
  // A signature is as random as a hash of it would be.
  struct IdHash {
    size_t operator()(const Id& id) const;
  };
  struct Seen {
    std::string source;
    std::string access_key_id;
  };
  void Forget(int64_t now_unix_ms);

  std::unordered_map<Id, Seen, IdHash> seen_;
  std::map<int64_t, std::vector<Id>> by_time_;  // By the second of their end.
  std::unordered_map<std::string, size_t> of_key_;
};

}  // namespace relay
