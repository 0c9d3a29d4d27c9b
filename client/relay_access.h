// What a command needs to talk to the relay: configuration, key, loop, API. One per process.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "client/api_client.h"
#include "client/carriage.h"
#include "client/client_config.h"
#include "client/client_options.h"
#include "client/credentials.h"
#include "client/environment.h"
#include "client/known_nodes.h"
#include "client/lane_calls.h"
#include "client/lane_source.h"
#include "client/node_choice.h"
#include "client/session_link.h"
#include "engine/net/https_client.h"
#include "engine/net/loop_driver.h"
#include "engine/platform/create_loop.h"
#include "engine/tls/tls_context.h"
#include "engine/wire/host_port.h"
#include "engine/wire/invitation.h"

namespace client {

class RelayAccess final {
 public:
  // How long the relay may take to say why a session was cut; the user waits for it.
  static constexpr engine::Duration kExplainMax = std::chrono::milliseconds(1500);

  // Open reads the configuration and finds a key; nothing is sent yet, but for a role that the
  // key's profile wants to be assumed. Errors are for the user.
  static absl::StatusOr<std::unique_ptr<RelayAccess>> Open(const CommonFlags& flags,
                                                           const Environment& environment);

  // OpenWith is for the first contact: the caller says whom to trust and which key to use.
  static absl::StatusOr<std::unique_ptr<RelayAccess>> OpenWith(const CommonFlags& flags,
                                                               const Environment& environment,
                                                               engine::HostPort relay,
                                                               engine::TlsTrust trust,
                                                               Credentials credentials);

  ~RelayAccess();  // Runs the loop until its connections are closed.

  engine::LoopDriver& driver() { return driver_; }
  // With which more loops are made, for threads beside the command's.
  const engine::LoopOptions& worker_options() const { return worker_options_; }
  ApiClient& api() { return api_; }
  std::string name() const { return engine::FormatHostPort(relay_); }
  const engine::HostPort& address() const { return relay_; }

  // AuthorityDigest is what invitations say of the relay. An error, for people: its authority is
  // one of this machine's, and not known apart.
  absl::StatusOr<engine::CaDigest> AuthorityDigest() const;

  // FindNode asks the relay for the node that the user means: by its id, its name, or the beginning
  // of either.
  absl::StatusOr<NodeInfo> FindNode(std::string_view wanted);

  // StartSession starts one on the node that the user means, as FindNode knows it. What is said of
  // the carriage and of the node's identity goes to stderr. An offline node's error says since
  // when.
  absl::StatusOr<LinkTarget> StartSession(std::string_view named, SessionWish wish,
                                          CarriageChoice choice);

  // LetGo closes the connection that is kept for calls in a row: what follows is a session.
  void LetGo() { calls_.CloseKept(); }

  // EndText is what to print when a session's link is over: what we saw, or, when it was cut
  // without a word, why the relay ended it.
  std::string EndText(const std::string& session_id, std::string_view node_label,
                      const LinkEnd& end);

  // Lanes of sessions that were started here.
  LaneSource& lanes() { return lanes_; }

  // RunUntil runs the loop until `done` returns true. When that takes more than half a second and
  // stderr is a terminal, the user reads `what` once (unless it is empty).
  void RunUntil(const std::function<bool()>& done, std::string_view what);

  // RunFor runs the loop until `done` returns true, and returns true, or for at most `limit`.
  bool RunFor(engine::Duration limit, const std::function<bool()>& done);

  // The relay's CA as seen on a first contact (OpenWith by fingerprint), after one call.
  const std::string& anchor_pem() const { return anchor_pem_; }

 private:
  RelayAccess(std::unique_ptr<engine::Loop> loop, const engine::LoopOptions& worker_options,
              std::unique_ptr<engine::TlsContext> context, engine::HostPort relay,
              std::string ca_pem, Credentials credentials, std::string config_folder);
  absl::StatusOr<engine::HttpResponse> Send(engine::HttpRequest request);
  absl::StatusOr<engine::HttpResponse> ToResponse(engine::CallResult result);
  // AskWhyEnded returns the relay's reason for the end of a session, or nothing within `limit`.
  std::string AskWhyEnded(const std::string& session_id, engine::Duration limit);

  const engine::LoopOptions worker_options_;
  engine::LoopDriver driver_;
  std::unique_ptr<engine::TlsContext> context_;
  const engine::HostPort relay_;
  const std::string ca_pem_;
  std::chrono::seconds patience_max_{};  // The user's.
  std::string anchor_pem_;
  engine::HttpsClient calls_;
  ApiClient api_;
  LaneCalls lanes_;
  KnownNodes known_nodes_;
};

}  // namespace client
