// What the relay remembers, behind one interface.
//
// Times are unix milliseconds, given by the caller. Every call that cannot do its work returns a
// status and changes nothing; a full or read-only disk is such a status. The codes that callers act
// upon are NotFound and those named below; any other is "the store does not work now".
//
// A store is used by one thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/crypto/digest.h"
#include "relay/documents/carriage_rule.h"

namespace relay {

using engine::crypto::Sha256Digest;

struct AccessKey {
  std::string id;         // AKIA...
  std::string user_id;    // AIDA...: see IamStore.
  std::string user_name;  // "admin"
  std::string principal;  // arn:aws:iam::000000000000:user/admin
  std::string secret;     // Encrypted where it is kept; never logged.
  bool active = true;
  int64_t created_unix_ms = 0;
};

struct Node {
  std::string id;  // mi- and 17 hexadecimal digits.
  std::string name;
  std::string platform;  // "Linux Debian GNU/Linux 12 x86_64"
  std::string agent_version;
  std::string source_ip;
  std::string activation_id;
  std::string iam_role;
  int64_t registered_unix_ms = 0;
  int64_t last_seen_unix_ms = 0;  // Of a node that is not connected now.
  // Of one with an original agent; empty: it runs ours, and proves itself by a certificate.
  std::string public_key;   // Base64 of an RSA key's SubjectPublicKeyInfo.
  std::string fingerprint;  // What the agent calls its machine.
};

struct Activation {
  std::string id;
  Sha256Digest code_sha256{};  // The code itself is kept nowhere.
  std::string description;
  std::string default_node_name;
  std::string iam_role;
  uint32_t registration_limit = 1;
  uint32_t registration_count = 0;
  int64_t created_unix_ms = 0;
  int64_t expires_unix_ms = 0;
};

enum class SessionStatus : uint8_t { kConnecting, kConnected, kTerminated, kFailed };

// IsOver is true of the two states that a session never leaves.
inline bool IsOver(SessionStatus status) {
  return status == SessionStatus::kTerminated || status == SessionStatus::kFailed;
}

struct Session {
  std::string id;
  std::string node_id;
  std::string principal;
  std::string source_ip;
  std::string document;
  std::string reason;  // Why the user says it is opened.
  std::string what;    // "shell", "exec uname -a", "tcp localhost:5432": for people.
  SessionStatus status = SessionStatus::kConnecting;
  Sha256Digest token_sha256{};
  int64_t started_unix_ms = 0;
  int64_t ended_unix_ms = 0;  // 0 while it is not over.
  std::string details;        // Why it ended.
  uint64_t bytes_in = 0;      // From the client to the node.
  uint64_t bytes_out = 0;
  std::string owner_id;              // The aws:userid of who started it.
  int64_t duration_seconds_max = 0;  // The longest that it may last.
  // Nothing: it was started by a relay that did not keep it.
  std::optional<Carriage> carriage;
  // What it was allowed by, of a session that may come again (WriteAccessCase); empty: it may not.
  // Read by FindSessionAccess alone.
  std::string access;
};

// SessionQuery: every member that is set narrows the answer. Newest first.
struct SessionQuery {
  bool over = false;                    // Those that are over, or those that are not.
  std::optional<int64_t> started_from;  // Included, as is started_to.
  std::optional<int64_t> started_to;
  std::optional<std::string> node_id;
  std::optional<std::string> principal;
  std::optional<std::string> id;
  std::optional<SessionStatus> status;
  // After is the last session of the page before.
  struct Position {
    int64_t started_unix_ms = 0;
    std::string id;
  };
  std::optional<Position> after;
  size_t count_max = 50;
};

struct SessionEnd {
  std::string id;
  SessionStatus status = SessionStatus::kTerminated;
  std::string details;
  int64_t ended_unix_ms = 0;
  std::string reported_by;  // Who says so, if it is not the relay itself.
};

// UnrecordedEnd is the end of a session that is over, and whose record is not there.
struct UnrecordedEnd {
  SessionEnd end;
  std::string node_id;
  std::string principal;
  std::optional<Carriage> carriage;
  bool outlives_lanes = false;  // It was one that may come again.
};

struct AuditEvent {
  std::string id;
  int64_t time_unix_ms = 0;
  std::string name;
  std::string principal;
  std::string record;     // JSON, without secrets.
  uint64_t sequence = 0;  // Given by the store, ever rising.
  // What it is found by, beside those above; Store::ListAudit leaves them empty.
  std::string source;
  std::string user_name;
  std::string access_key_id;
  bool read_only = false;
  struct Resource {
    std::string type;  // "AWS::SSM::ManagedInstance"
    std::string name;  // "mi-..."
  };
  std::vector<Resource> resources;
};

// AuditQuery is what CloudTrail's LookupEvents can ask: one attribute at most. Newest first.
struct AuditQuery {
  enum class By : uint8_t {
    kEverything,
    kId,
    kName,
    kReadOnly,  // "true" or "false".
    kUserName,
    kResourceType,
    kResourceName,
    kSource,
    kAccessKeyId
  };
  By by = By::kEverything;
  std::string value;
  int64_t from_unix_ms = 0;  // Included, as is to_unix_ms.
  int64_t to_unix_ms = INT64_MAX;
  // After is the last event of the page before.
  struct Position {
    int64_t time_unix_ms = 0;
    uint64_t sequence = 0;
  };
  std::optional<Position> after;
  size_t count_max = 50;
};

class DocumentStore;
class IamStore;

// AuditMark is an event in the audit files, which are a chain: all before it is there, too.
struct AuditMark {
  uint64_t sequence = 0;
  Sha256Digest hash{};
};

// ClockBegin is what the wall clock by which a store's sessions have their starts said when the
// machine was started, or would have if it had been as it is since then. By it a process sees that
// the clock was set while none ran.
struct ClockBegin {
  std::string boot_id;  // Empty: not known.
  int64_t unix_ms = 0;
};

class Store {
 public:
  virtual ~Store() = default;

  // Iam is the part behind IAM; what it writes is a part of this store's transactions.
  virtual IamStore& Iam() = 0;
  virtual DocumentStore& Documents() = 0;

  // DeriveKey returns a key for another purpose than keeping secrets here, from the one that does
  // that. It is another one after that is changed.
  virtual Sha256Digest DeriveKey(std::string_view purpose) const = 0;

  // Begin opens a transaction: what follows is kept by Commit all together, or not at all. Outside
  // of one, each call is kept by itself. Transactions do not nest.
  [[nodiscard]] absl::Status Begin();
  // Commit keeps the changes (they are on the disk when it returns OK), then runs what AfterCommit
  // collected. When it fails, nothing is kept and nothing is run. Inside of a group both wait for
  // CloseGroup.
  [[nodiscard]] absl::Status Commit();
  void Rollback();
  bool in_transaction() const { return in_transaction_; }
  bool in_group() const { return in_group_; }
  // is_down is true from a group that could not be kept until one that was: what is changed
  // meanwhile is most likely lost. Each group writes something of its own then, to find out.
  bool is_down() const { return is_down_; }

  // OpenGroup begins a group commit: to wait for the disk costs the same for one change and for
  // hundreds. Transactions, and calls outside of them, go on as before; what they change is on the
  // disk when CloseGroup returns OK. It runs what AfterCommit collected once that is so, with
  // another group around it, for such actions write, too. When a commit fails, or the disk fails
  // before it, nothing of that group is kept; see AfterCommit. When OpenGroup fails there is none.
  [[nodiscard]] absl::Status OpenGroup();
  [[nodiscard]] absl::Status CloseGroup();  // OK, too, when there is no group any more.

  // AfterCommit runs `action` once the changes so far are kept: at once outside of a transaction
  // and of a group, and never when the transaction is rolled back. For what the world must not see
  // before the disk does. `lost` is run instead when a group is lost that the changes were in.
  void AfterCommit(std::function<void()> action, std::function<void()> lost = {});

  // AddAccessKey: AlreadyExists when the id is taken, as for the other Add functions.
  virtual absl::Status AddAccessKey(const AccessKey& key) = 0;
  virtual absl::StatusOr<AccessKey> FindAccessKey(std::string_view id) = 0;
  virtual absl::StatusOr<bool> HasAccessKeys() = 0;

  virtual absl::Status AddNode(const Node& node) = 0;
  virtual absl::StatusOr<Node> FindNode(std::string_view id) = 0;
  // ListNodes returns nodes in the order of their ids, those after `after_id` (empty: from the
  // start).
  virtual absl::StatusOr<std::vector<Node>> ListNodes(std::string_view after_id,
                                                      size_t count_max) = 0;
  // NodesNamed returns the ids of at most `count_max` nodes of exactly that name.
  virtual absl::StatusOr<std::vector<std::string>> NodesNamed(std::string_view name,
                                                              size_t count_max) = 0;
  // UpdateNode replaces all but id, activation and the time of registration. NotFound.
  virtual absl::Status UpdateNode(const Node& node) = 0;
  virtual absl::Status DeleteNode(std::string_view id) = 0;  // NotFound.
  virtual absl::Status TouchNode(std::string_view id, int64_t last_seen_unix_ms) = 0;

  virtual absl::Status AddActivation(const Activation& activation) = 0;
  virtual absl::StatusOr<Activation> FindActivation(std::string_view id) = 0;
  // ListActivations returns the newest first, those that were made before the time and id given.
  virtual absl::StatusOr<std::vector<Activation>> ListActivations(int64_t before_unix_ms,
                                                                  std::string_view before_id,
                                                                  size_t count_max) = 0;
  // DeleteActivation leaves the nodes that were registered with it. NotFound.
  virtual absl::Status DeleteActivation(std::string_view id) = 0;
  // CountRegistration takes one registration. ResourceExhausted: the limit is reached.
  virtual absl::Status CountRegistration(std::string_view activation_id) = 0;

  virtual absl::Status AddSession(const Session& session) = 0;
  virtual absl::StatusOr<Session> FindSession(std::string_view id) = 0;
  virtual absl::StatusOr<std::vector<Session>> ListSessions(const SessionQuery& query) = 0;
  virtual absl::Status SetSessionConnected(std::string_view id) = 0;
  // MoveSessionStart puts the start of a session that is not over elsewhere: the clock was set.
  virtual absl::Status MoveSessionStart(std::string_view id, int64_t by_ms) = 0;
  virtual absl::StatusOr<ClockBegin> FindClockBegin() = 0;
  virtual absl::Status SetClockBegin(const ClockBegin& begin) = 0;
  // FindSessionAccess and FindSessionEpoch: NotFound.
  virtual absl::StatusOr<std::string> FindSessionAccess(std::string_view id) = 0;
  virtual absl::StatusOr<uint64_t> FindSessionEpoch(std::string_view id) = 0;
  // SetSessionSealed keeps that a session which was started inspected goes on sealed, and what it
  // was allowed by.
  virtual absl::Status SetSessionSealed(std::string_view id, std::string_view access) = 0;
  // RaiseSessionEpoch keeps how often a session came again. FailedPrecondition: it knows one that
  // is as great, or the session is over.
  virtual absl::Status RaiseSessionEpoch(std::string_view id, uint64_t epoch) = 0;
  // EndSession sets the end of a session that is not over, and leaves one that is as it was. The
  // end is one that is not recorded, until SetEndRecorded, which is for the transaction that the
  // record is in, and keeps what passed.
  virtual absl::Status EndSession(const SessionEnd& end) = 0;
  virtual absl::Status SetEndRecorded(std::string_view id, uint64_t bytes_in,
                                      uint64_t bytes_out) = 0;
  // ListUnrecordedEnds costs nothing for those that are recorded.
  virtual absl::StatusOr<std::vector<UnrecordedEnd>> ListUnrecordedEnds(size_t count_max) = 0;

  virtual absl::Status AppendAudit(const AuditEvent& event) = 0;
  // ListAudit returns events in order, those with a greater sequence than `after`.
  virtual absl::StatusOr<std::vector<AuditEvent>> ListAudit(uint64_t after, size_t count_max) = 0;
  // LastAudit is the greatest sequence that was given; 0: none. SkipAudit gives only greater ones
  // than `sequence` from now on.
  virtual absl::StatusOr<uint64_t> LastAudit() = 0;
  virtual absl::Status SkipAudit(uint64_t sequence) = 0;
  virtual absl::StatusOr<std::vector<AuditEvent>> LookupAudit(const AuditQuery& query) = 0;
  // ForgetAudit deletes up to `count_max` of the oldest events up to `sequence`, which are older
  // than `before`, or more than `kept_max` events old.
  virtual absl::Status ForgetAudit(uint64_t sequence, int64_t before_unix_ms, uint64_t kept_max,
                                   size_t count_max) = 0;
  // The mark is how far the audit files are known to go.
  virtual absl::StatusOr<AuditMark> FindAuditMark() = 0;
  virtual absl::Status SetAuditMark(const AuditMark& mark) = 0;

 protected:
  virtual absl::Status DoBegin() = 0;
  virtual absl::Status DoCommit() = 0;
  virtual void DoRollback() = 0;
  // A savepoint is a transaction inside of a transaction; there is at most one.
  virtual absl::Status DoSave() = 0;
  virtual absl::Status DoRelease() = 0;
  virtual void DoRollbackToSave() = 0;
  // DoTouch writes something that nobody reads.
  virtual absl::Status DoTouch() = 0;
  // DoIsOpen is false when the store has rolled back by itself (a full disk).
  virtual bool DoIsOpen() const = 0;

 private:
  struct Action {
    std::function<void()> run;
    std::function<void()> lost;
  };
  void LoseGroup();

  bool in_transaction_ = false;
  bool in_group_ = false;
  bool is_down_ = false;
  size_t collected_before_ = 0;  // How many of after_commit_ are older than the transaction.
  std::vector<Action> after_commit_;
};

}  // namespace relay
