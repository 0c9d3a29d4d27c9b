#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "agent/agent_config.h"
#include "agent/target/data_keys.h"
#include "engine/http/http_message.h"
#include "engine/http/secure_url.h"
#include "engine/net/https_client.h"
#include "engine/tls/tls_context.h"

namespace agent {

// KeyServiceOptions say where a key service is, and who asks there.
struct KeyServiceOptions {
  engine::SecureUrl url;
  std::string region;
  std::string access_key_id;
  std::string secret;
  std::string session_token;
  std::vector<std::string> authority_lists;  // PEM files; empty: the machine's list.
};

// KeyServiceFrom reads AWS_ENDPOINT_URL_KMS and the variables of AWS's credentials. Nothing: there
// is no such service. An error is for people.
absl::StatusOr<std::optional<KeyServiceOptions>> KeyServiceFrom(const Environment& environment);

// DecryptRequest is KMS's call that opens the key of a session on `node_id`, signed.
engine::HttpRequest DecryptRequest(const KeyServiceOptions& service, const DataKeyWish& wish,
                                   const std::string& node_id, int64_t now_unix);
// ReadDecrypted returns the key in an answer.
absl::StatusOr<std::string> ReadDecrypted(const engine::CallResult& result);

// ServiceKeys asks a key service that speaks KMS's Decrypt.
class ServiceKeys final : public DataKeys {
 public:
  static constexpr size_t kQuestionsMax = 256;

  // All references outlive it.
  ServiceKeys(engine::LoopDriver& driver, std::unique_ptr<engine::TlsContext> context,
              KeyServiceOptions service, std::string node_id);

  uint64_t Open(const DataKeyWish& wish, Done done) override;
  void Forget(uint64_t number) override;

  // Close ends what is left; joined() follows.
  void Close() { calls_.Close(); }
  bool joined() const { return calls_.joined(); }

 private:
  const std::unique_ptr<engine::TlsContext> context_;
  const KeyServiceOptions service_;
  const std::string node_id_;
  engine::HttpsClient calls_;
  uint64_t last_number_ = 0;
  struct Question {
    uint64_t call = 0;
    Done done;
  };
  absl::flat_hash_map<uint64_t, Question> waiting_;
};

}  // namespace agent
