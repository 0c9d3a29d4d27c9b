// What a command needs to talk to the relay: configuration, key, loop, API. One per process.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "client/client_config.h"
#include "client/client_options.h"
#include "client/credentials.h"
#include "client/environment.h"
#include "client/node_choice.h"
#include "client/session_link.h"
#include "engine/net/loop_driver.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/host_port.h"

namespace client {

class RelayAccess {
 public:
  // Open reads the configuration and finds a key; nothing is sent yet. Errors are for the user.
  static absl::StatusOr<std::unique_ptr<RelayAccess>> Open(const CommonFlags& flags,
                                                           const Environment& environment);

  // OpenWith is for the first contact: the caller says whom to trust and which key to use.
  static absl::StatusOr<std::unique_ptr<RelayAccess>> OpenWith(const CommonFlags& flags,
                                                               const Environment& environment,
                                                               engine::HostPort relay,
                                                               engine::TlsTrust trust,
                                                               Credentials credentials);

  engine::LoopDriver& driver() { return driver_; }
  ApiClient& api() { return api_; }

  // FindNode asks the relay for its nodes and chooses the one that the user means.
  absl::StatusOr<NodeInfo> FindNode(std::string_view wanted);

  // StartSession starts one on `node`; an offline node's error says since when.
  absl::StatusOr<LinkTarget> StartSession(const NodeInfo& node, const SessionWish& wish);

  // RunUntil runs the loop until `done` returns true. When that takes more than half a second and
  // stderr is a terminal, the user reads `what` once (unless it is empty).
  void RunUntil(const std::function<bool()>& done, std::string_view what);

  // RunFor runs the loop until `done` returns true, and returns true, or for at most `limit`.
  bool RunFor(engine::Duration limit, const std::function<bool()>& done);

  // The relay's CA as seen on a first contact (OpenWith by fingerprint), after one call.
  const std::string& anchor_pem() const { return anchor_pem_; }

 private:
  RelayAccess(std::unique_ptr<engine::Loop> loop, std::unique_ptr<engine::TlsContext> context,
              engine::HostPort relay, std::string ca_pem, Credentials credentials);
  absl::StatusOr<engine::HttpResponse> Send(engine::HttpRequest request);

  engine::LoopDriver driver_;
  std::unique_ptr<engine::TlsContext> context_;
  const engine::HostPort relay_;
  const std::string ca_pem_;
  std::string anchor_pem_;
  ApiClient api_;
};

}  // namespace client
