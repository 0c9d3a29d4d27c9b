// The calls that the plugin itself makes at the endpoint, while bytes flow.

#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "client/plugin/session_response.h"
#include "client/plugin/signed_calls.h"
#include "engine/http/secure_url.h"
#include "engine/net/loop_driver.h"

namespace engine {
class TlsContext;
}

namespace client {

// SessionApi is what a lost connection and an early end need. Errors are for people; Unavailable
// is one that may be over soon. One call at a time; `done` is called from the loop.
class SessionApi {
 public:
  using Resumed = std::function<void(absl::StatusOr<ResumedSession>)>;
  using Terminated = std::function<void(absl::Status)>;

  using Started = std::function<void(absl::StatusOr<SessionTicket>)>;

  virtual void Resume(Resumed done) = 0;
  // Start asks for another session; `request` is JSON. A node that is away may come back.
  virtual void Start(const std::string& request, Started done) = 0;
  virtual void Terminate(Terminated done) = 0;
  // Cancel ends the call early; its `done` is still called.
  virtual void Cancel() = 0;

 protected:
  ~SessionApi() = default;
};

class EndpointApi final : public SessionApi {
 public:
  struct Endpoint {
    engine::SecureUrl url;
    std::string region;
    std::string session_id;
  };

  // `credentials` may be an error: then every call is that error. All references outlive it.
  EndpointApi(engine::LoopDriver& driver, const engine::TlsContext& context, Endpoint endpoint,
              absl::StatusOr<Credentials> credentials, SignedCalls::Clock clock);

  // The session that the other calls are about.
  void set_session_id(const std::string& id) { session_id_ = id; }

  void Resume(Resumed done) override;
  void Start(const std::string& request, Started done) override;
  void Terminate(Terminated done) override;
  void Cancel() override { calls_.Cancel(); }

  // Close ends what is left; joined() follows.
  void Close() { calls_.Close(); }
  bool joined() const { return calls_.joined(); }

 private:
  std::string SessionBody() const;

  std::string session_id_;
  SignedCalls calls_;
};

}  // namespace client
