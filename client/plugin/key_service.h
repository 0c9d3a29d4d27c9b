// Where an encrypted session gets its data key: a key service that speaks KMS's GenerateDataKey.

#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/environment.h"
#include "client/plugin/client_handshake.h"
#include "client/plugin/signed_calls.h"
#include "engine/http/secure_url.h"

namespace client {

// KeyServiceOf says where it is: AWS_ENDPOINT_URL_KMS, or KMS itself beside an API of AWS's own, or
// else the API's own address, where a relay has one. The error is for people.
absl::StatusOr<engine::SecureUrl> KeyServiceOf(const Environment& environment,
                                               const engine::SecureUrl& api,
                                               const std::string& region);

class KeyService {
 public:
  // What a data key is for.
  struct Wish {
    std::string key_id;
    std::string session_id;
    std::string target;     // As StartSession was asked for it.
    std::string challenge;  // The machine's; empty: it has none.
  };
  using Done = std::function<void(absl::StatusOr<DataKey>)>;

  // `url` may be an error: then so is every key. The references outlive it.
  KeyService(engine::LoopDriver& driver, const engine::TlsContext& context,
             absl::StatusOr<engine::SecureUrl> url, const std::string& region,
             absl::StatusOr<Credentials> credentials, SignedCalls::Clock clock);

  void Generate(const Wish& wish, Done done);
  // Cancel ends the call early; its `done` is still called.
  void Cancel() { calls_.Cancel(); }

  void Close() { calls_.Close(); }
  bool joined() const { return calls_.joined(); }

 private:
  const absl::Status is_found_;
  SignedCalls calls_;
};

// ReadDataKey reads the answer of GenerateDataKey.
absl::StatusOr<DataKey> ReadDataKey(const std::string& body);

}  // namespace client
