// The relay's API as this program uses it. Most calls wait for their answer. Those that are made
// while bytes flow come as a request, for somebody else to send, and a function that reads the
// answer.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/credentials.h"
#include "client/node_choice.h"
#include "client/started_session.h"
#include "client/sts_answer.h"
#include "engine/http/http_message.h"

namespace client {

struct SessionInfo {
  std::string id;
  std::string node_id;
  std::string status;
  std::string document;
  std::string owner;     // The ARN of who started it.
  std::string carriage;  // "sealed" or "inspected"; empty: the relay does not say.
  std::string reason;    // Why it was started, as its owner said.
  std::string details;   // Why it ended, as the relay says.
  int64_t started = 0;   // Unix seconds; 0: not said.
  int64_t ended = 0;
};

// SessionWish is what StartSession is asked for.
struct SessionWish {
  std::string target;    // The node: its id, or the name that only it has.
  std::string document;  // Empty: a shell.
  std::map<std::string, std::string> parameters;
  std::string reason;
  std::string client_key;    // SessionKey::hash: ask for a sealed session. Empty: an inspected one.
  bool if_demanded = false;  // With a key: an inspected one, unless the document demands a sealed.
  bool may_rejoin = false;   // Ask for the key with which lost lanes come again.
};

// EventWish is which audit events are looked up.
struct EventWish {
  std::string key;  // One of CloudTrail's attributes, such as EventName; empty: all events.
  std::string value;
  int64_t since = 0;  // Unix seconds; 0: no bound, as `until`.
  int64_t until = 0;
  size_t count_max = 50;
};

struct EventInfo {
  std::string id;
  int64_t time = 0;
  std::string name;
  std::string user;
  std::string resources;  // Names, with commas.
  std::string outcome;    // "ok", the code of an error, or how a connection ended.
  std::string what;       // Of a stream: what it was opened to, such as "tcp db:5432".
  std::string access_key_id;
  std::string record;  // The whole event, as JSON.
};

// ApiCodeOf returns the code of an error that the relay answered with, such as InvalidDocument;
// else nothing.
std::string ApiCodeOf(const absl::Status& status);

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
  // that is offline, PermissionDenied where policy says no, Unimplemented where a sealed session
  // cannot be had. An older relay may answer the wish for one with an inspected session.
  absl::StatusOr<std::vector<NodeInfo>> ListNodes();
  // FindNodes returns those of exactly that id, or else of exactly that name. An older relay cannot
  // look for names: that is an error with the code InvalidFilterKey.
  absl::StatusOr<std::vector<NodeInfo>> FindNodes(std::string_view id_or_name);
  enum class Which : uint8_t { kActive, kEnded };
  absl::StatusOr<std::vector<SessionInfo>> ListSessions(Which which);
  // LookupEvents returns the newest that fit, newest first.
  absl::StatusOr<std::vector<EventInfo>> LookupEvents(const EventWish& wish);
  absl::StatusOr<StartedSession> StartSession(const SessionWish& wish);
  absl::Status TerminateSession(const std::string& id);

  // SealRequest asks that a session goes on sealed which was started for an AWS client and not
  // joined yet; its token proves that it is ours. Errors of ReadSealed as of StartSession.
  engine::HttpRequest SealRequest(const std::string& session_id, const std::string& token,
                                  const std::string& client_key, bool may_rejoin) const;
  absl::StatusOr<StartedSession> ReadSealed(const engine::HttpResponse& response) const;

  // CallSsm and CallIam make a call that no function here is for, and return the answer's body:
  // JSON or XML. `body` is JSON.
  using Form = std::vector<std::pair<std::string, std::string>>;
  absl::StatusOr<std::string> CallSsm(std::string_view operation, std::string body);
  absl::StatusOr<std::string> CallIam(std::string_view action, const Form& form);

  // WhoAmI asks STS. An older relay has none: that is an error of its own.
  absl::StatusOr<Identity> WhoAmI();

  // AssumeRole goes on as the role: every later call is signed with what it returns. `code` is of
  // the wish's device, or empty.
  absl::StatusOr<SessionCredentials> AssumeRole(const RoleWish& wish, const std::string& code);

  // Use signs every later call with other credentials.
  void Use(Credentials credentials) { credentials_ = std::move(credentials); }
  const Credentials& credentials() const { return credentials_; }

  // One more lane of a sealed session, or another connection for one of its lanes: that is proved
  // by the session's own key and not signed.
  engine::HttpRequest OpenLaneRequest(const std::string& session_id) const;
  engine::HttpRequest RejoinRequest(const std::string& session_id, uint32_t lane, uint64_t epoch,
                                    const std::string& proof) const;
  absl::StatusOr<LaneTicket> ReadOpenLane(const engine::HttpResponse& response) const;

  // One session, if it is over by now.
  engine::HttpRequest FindEndedRequest(const std::string& session_id) const;
  absl::StatusOr<std::optional<SessionInfo>> ReadFindEnded(
      const engine::HttpResponse& response) const;

 private:
  // `target` is the operation with its prefix: "AmazonSSM.StartSession".
  engine::HttpRequest Unsigned(std::string_view target, std::string body) const;
  engine::HttpRequest Signed(std::string_view target, std::string body,
                             std::string_view service = "ssm") const;
  absl::StatusOr<std::string> BodyOf(const engine::HttpResponse& response) const;
  void SignFor(std::string_view service, engine::HttpRequest& request) const;
  absl::StatusOr<std::string> Send(engine::HttpRequest request);
  absl::StatusOr<std::vector<NodeInfo>> ListNodesWhere(const std::string& key,
                                                       std::string_view value);
  absl::StatusOr<std::string> CallQuery(std::string_view service, std::string_view action,
                                        const Form& form);

  Transport transport_;
  const std::string host_;
  Credentials credentials_;
  Clock clock_;
};

}  // namespace client
