#include "agent/keys/relay_keys.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "engine/crypto/base64.h"

namespace agent {

uint64_t RelayKeys::Open(const DataKeyWish& wish, Done done) {
  const uint32_t serial = ++last_serial_;
  if (waiting_.size() >= kQuestionsMax || waiting_.contains(serial)) {
    done(absl::ResourceExhaustedError("the node asks for too many data keys; try again"));
    return serial;
  }
  const engine::DataKeyRequest request{.serial = serial,
                                       .session_id = wish.session_id,
                                       .data_key = wish.data_key,
                                       .challenge = wish.challenge};
  if (!send_(engine::Encode(request))) {
    done(absl::UnavailableError("the node cannot ask its relay for the data key; try again"));
    return serial;
  }
  waiting_.emplace(serial, std::move(done));
  return serial;
}

void RelayKeys::Take(const engine::DataKeyAnswer& answer) {
  const auto found = waiting_.find(answer.serial);
  if (found == waiting_.end()) return;
  const Done done = std::move(found->second);
  waiting_.erase(found);
  if (!answer.error.empty()) return done(absl::PermissionDeniedError(answer.error));
  std::optional<std::string> key = engine::crypto::DecodeBase64(answer.plaintext);
  if (!key.has_value())
    return done(absl::InvalidArgumentError("the relay's data key is no Base64"));
  done(*std::move(key));
}

void RelayKeys::LinkLost() {
  const absl::flat_hash_map<uint32_t, Done> lost = std::exchange(waiting_, {});
  for (const auto& [serial, done] : lost) {
    done(absl::UnavailableError("the node lost its relay"));
  }
}

}  // namespace agent
