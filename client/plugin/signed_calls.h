// Calls of one AWS-shaped service: JSON 1.1, signed, each for itself.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "engine/http/secure_url.h"
#include "engine/net/https_client.h"

namespace client {

class SignedCalls {
 public:
  struct Service {
    engine::SecureUrl url;
    std::string region;
    std::string name;    // "ssm": of the signature's scope.
    std::string prefix;  // "AmazonSSM.": before the operation, in X-Amz-Target.
  };
  using Clock = std::function<int64_t()>;
  // The answer's body. Unavailable: it may be otherwise soon. Else: it was refused; for people.
  using Answered = std::function<void(absl::StatusOr<std::string>)>;

  // `credentials` may be an error: then every call is that error. The references outlive it.
  SignedCalls(engine::LoopDriver& driver, const engine::TlsContext& context, Service service,
              absl::StatusOr<Credentials> credentials, Clock clock);

  void Call(std::string_view operation, std::string body, Answered done);
  // Cancel ends the last call early; its `done` is still called.
  void Cancel();

  // Close ends what is left; joined() follows.
  void Close() { calls_.Close(); }
  bool joined() const { return calls_.joined(); }

 private:
  absl::StatusOr<std::string> Read(const engine::CallResult& result) const;

  const Service service_;
  const absl::StatusOr<Credentials> credentials_;
  const Clock clock_;
  engine::HttpsClient calls_;
  uint64_t call_ = 0;  // The last one.
};

}  // namespace client
