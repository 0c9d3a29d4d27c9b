// Sessions and presence: the one place that knows which sessions live.
//
//     StartSession --> connecting --SessionJoined--> connected --+
//                          | 60 s                        | 24 h   | SessionEnded, TerminateSession
//                          v                             v        v
//                        failed                        terminated
//
// The data plane reports what happens on the links; every change is in the store, with its audit
// record, before the call returns. Streams' records alone wait up to kStreamRecordsDelay, so that a
// forwarded connection does not cost two writes to the disk.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "relay/audit/audit_trail.h"
#include "relay/broker/data_plane.h"
#include "relay/broker/documents.h"
#include "relay/store/store.h"

namespace relay {

// StartRequest is an authenticated wish for a session.
struct StartRequest {
  std::string user_name;
  std::string principal;
  std::string source_ip;
  std::string node_id;
  std::string document;  // Empty: kShellDocument.
  DocumentParameters parameters;
  std::string reason;
};

struct StartedSession {
  std::string session_id;
  std::string token;  // Secret; the store has its SHA-256 only.
  uint32_t loop = 0;
};

struct StartFailure {
  enum class Kind : uint8_t {
    kInvalidDocument,
    kInvalidParameters,
    kNotConnected,
    kTooMany,  // kLiveSessionsMax
    kStore,
  };
  Kind kind;
  std::string text;
};

// NodeConnection is what is known of a node's link when it is up.
struct NodeConnection {
  std::string node_id;
  std::string name;  // Empty members leave what the store has.
  std::string platform;
  std::string agent_version;
  std::string source_ip;
};

class Broker {
 public:
  static constexpr std::chrono::seconds kJoinMax{60};
  static constexpr std::chrono::hours kSessionMax{24};
  static constexpr std::chrono::seconds kEndReportMax{30};
  static constexpr size_t kLiveSessionsMax = 10'000;
  static constexpr int64_t kStreamRecordsDelayMs = 250;
  // Records of streams that wait at most; then they are written at once. While the store does not
  // work, what comes beyond four times as many is dropped, counted, and logged.
  static constexpr size_t kStreamRecordsMax = 256;

  // Requires: both outlive the broker.
  Broker(Store& store, DataPlane& data_plane);

  // EndLeftovers marks what a relay before this one left open as terminated. Call it once, first.
  absl::Status EndLeftovers(int64_t now_unix_ms);

  // StartSession makes a session. The caller may hold a transaction open; the data plane hears of
  // the session when that is committed.
  std::variant<StartedSession, StartFailure> StartSession(const StartRequest& request,
                                                          int64_t now_unix_ms);

  // TerminateSession ends a session that lives; one that is over or unknown is left as it is.
  absl::Status TerminateSession(std::string_view session_id, std::string_view reason,
                                int64_t now_unix_ms);

  bool IsConnected(std::string_view node_id) { return data_plane_.FindNode(node_id).has_value(); }

  // NodeConnected is for a link whose certificate was proven. NotFound: the node is not registered
  // (any more); the link must be closed. Any other error: the store does not work; as well.
  absl::Status NodeConnected(const NodeConnection& connection, int64_t now_unix_ms);
  // NodeDisconnected says that a link of the node is gone. When the node has another, newer one, it
  // stays connected.
  void NodeDisconnected(std::string_view node_id, std::string_view reason, int64_t now_unix_ms);

  void SessionJoined(std::string_view session_id, std::string_view source_ip, int64_t now_unix_ms);
  // SessionEnded: bytes_in went to the node, bytes_out came from it.
  void SessionEnded(std::string_view session_id, std::string_view reason, uint64_t bytes_in,
                    uint64_t bytes_out, int64_t now_unix_ms);

  // StreamOpened and StreamClosed are for the audit: `what` as Describe(SessionPlan) says it,
  // `outcome` how it ended.
  void StreamOpened(std::string_view session_id, uint32_t stream_id, std::string_view what,
                    int64_t now_unix_ms);
  void StreamClosed(std::string_view session_id, uint32_t stream_id, std::string_view outcome,
                    uint64_t bytes_in, uint64_t bytes_out, int64_t now_unix_ms);

  // Tick does what is due: sessions that nobody joined or that lasted too long, and records that
  // wait. Call it a few times a second, and Flush before the process ends.
  void Tick(int64_t now_unix_ms);
  void Flush();

  size_t live_count() const { return live_.size(); }

 private:
  struct Live {
    std::string node_id;
    std::string principal;
    int64_t join_by_unix_ms = 0;
    int64_t end_by_unix_ms = 0;
    bool joined = false;
    int64_t report_by_unix_ms = 0;  // Not 0: it is being ended.
    std::string end_reason;
  };

  void End(std::string_view session_id, SessionStatus status, std::string_view reason,
           int64_t now_unix_ms);
  absl::Status StoreEnd(std::string_view session_id, SessionStatus status, std::string_view reason,
                        int64_t now_unix_ms);
  AuditRecord SessionRecord(std::string_view name, std::string_view session_id,
                            int64_t now_unix_ms) const;
  absl::Status RecordEnd(std::string_view session_id, std::string_view reason, uint64_t bytes_in,
                         uint64_t bytes_out, int64_t now_unix_ms);
  void AddStreamRecord(AuditRecord record);
  // Keep runs `change` in a transaction, or in the one that is open.
  template <class Change>
  absl::Status Keep(const char* what, Change change);

  Store& store_;
  DataPlane& data_plane_;
  std::unordered_map<std::string, Live> live_;
  std::vector<AuditRecord> stream_records_;
  uint64_t lost_records_count_ = 0;
};

}  // namespace relay
