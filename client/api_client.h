// The relay's API as this program uses it: one function a call, each waits for its answer.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "client/node_choice.h"
#include "client/session_link.h"
#include "engine/http/http_message.h"

namespace client {

struct SessionInfo {
  std::string id;
  std::string node_id;
  std::string status;
  std::string document;
  std::string owner;  // The ARN of who started it.
  std::string reason;
  int64_t started = 0;  // Unix seconds; 0: not said.
  int64_t ended = 0;
};

// SessionWish is what StartSession is asked for.
struct SessionWish {
  std::string node_id;
  std::string document;  // Empty: a shell.
  std::map<std::string, std::string> parameters;
  std::string reason;
};

class ApiClient {
 public:
  // Transport sends a signed request and returns the answer, whatever its status, or an error that
  // is ready for the user.
  using Transport = std::function<absl::StatusOr<engine::HttpResponse>(engine::HttpRequest)>;
  using Clock = std::function<int64_t()>;

  static constexpr char kRegion[] = "adit";
  // The most pages of one list that are fetched: 200 entries each.
  static constexpr int kPagesMax = 500;

  // `host` is the relay as it stands in the Host header, which is signed.
  ApiClient(Transport transport, std::string host, Credentials credentials, Clock clock);

  // Errors are ready for the user; their code is NotFound for an unknown node, Unavailable for one
  // that is offline, PermissionDenied where policy says no.
  absl::StatusOr<std::vector<NodeInfo>> ListNodes();
  enum class Which : uint8_t { kActive, kEnded };
  absl::StatusOr<std::vector<SessionInfo>> ListSessions(Which which);
  absl::StatusOr<StartedSession> StartSession(const SessionWish& wish);
  absl::Status TerminateSession(const std::string& id);

 private:
  absl::StatusOr<std::string> Call(std::string_view operation, std::string body);

  Transport transport_;
  const std::string host_;
  const Credentials credentials_;
  Clock clock_;
};

}  // namespace client
