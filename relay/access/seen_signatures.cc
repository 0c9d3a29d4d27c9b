#include "relay/access/seen_signatures.h"

#include <cstring>

namespace relay {

size_t SeenSignatures::IdHash::operator()(const Id& id) const {
  size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof(hash));
  return hash;
}

SeenSignatures::Outcome SeenSignatures::See(const Id& signature, std::string_view access_key_id,
                                            std::string_view source, int64_t until_unix_ms,
                                            int64_t now_unix_ms) {
  Forget(now_unix_ms);
  if (const auto found = seen_.find(signature); found != seen_.end()) {
    if (found->second.source == source) return {Sighting::kRepeat, {}};
    return {Sighting::kElsewhere, found->second.source};
  }
  const std::string key(access_key_id);
  const auto of_key = of_key_.find(key);
  const size_t count = of_key == of_key_.end() ? 0 : of_key->second;
  if (seen_.size() >= kMax || count >= kOfOneKeyMax) return {Sighting::kFull, {}};
  seen_.emplace(signature, Seen{std::string(source), key});
  by_time_[until_unix_ms / 1000].push_back(signature);
  ++of_key_[key];
  return {};
}

void SeenSignatures::Forget(int64_t now_unix_ms) {
  while (!by_time_.empty() && by_time_.begin()->first < now_unix_ms / 1000) {
    for (const Id& id : by_time_.begin()->second) {
      const auto found = seen_.find(id);
      const auto of_key = of_key_.find(found->second.access_key_id);
      if (--of_key->second == 0) of_key_.erase(of_key);
      seen_.erase(found);
    }
    by_time_.erase(by_time_.begin());
  }
}

}  // namespace relay
