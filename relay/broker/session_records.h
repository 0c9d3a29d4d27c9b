// What is written of sessions: their rows in the store, and the audit trail.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "relay/audit/audit_trail.h"
#include "relay/broker/data_plane.h"
#include "relay/store/store.h"

namespace relay {

// SessionSubject is whom a record is about.
struct SessionSubject {
  std::string id;
  std::string node_id;
  std::string principal;
  std::optional<Carriage> carriage;  // Nothing: it is not known.
};

// SessionRecords writes a change and its audit record in one transaction: the one that is open, or
// one of its own. Streams' records alone wait up to kDelayMs, so that a forwarded connection does
// not cost two writes to the disk. What happens while the store is down waits until it is back.
class SessionRecords {
 public:
  static constexpr int64_t kDelayMs = 250;
  // So many records of streams are written at once, however short they have waited. To write one
  // takes some 25 microseconds, and a loop may wait for the processor meanwhile.
  static constexpr size_t kTogether = 16;
  // While the store does not work, records of streams beyond this are dropped, counted, and logged.
  static constexpr size_t kWaitingMax = 1024;
  // Other changes that wait for the store at most. What comes then and may be refused is refused;
  // what has happened all the same is dropped, counted, and logged.
  static constexpr size_t kLateMax = 8'192;
  // Changes and records that are named in the log when they are dropped, between two lines that say
  // how many there were. A store that is down long must not fill the log as well.
  static constexpr uint64_t kLostNamedMax = 256;

  // Requires: the store outlives it.
  explicit SessionRecords(Store& store);

  // Keep runs `change`, which returns a status, in a transaction. An error other than NotFound is
  // logged under `what`.
  template <class Change>
  absl::Status Keep(std::string_view what, Change change) {
    const bool own = !store_.in_transaction();
    absl::Status status = own ? store_.Begin() : absl::OkStatus();
    if (status.ok()) {
      status = change();
      if (own && status.ok()) {
        status = store_.Commit();
      } else if (own) {
        store_.Rollback();
      }
    }
    // That a store is down is said once, by who owns it.
    if (!status.ok() && !absl::IsNotFound(status) && !store_.is_down()) LogFailure(what, status);
    return status;
  }

  // KeepOrLater is Keep for what has happened anyway: a change that is not kept now, or lost with
  // its group, is tried again by FlushDue, unless `late_max` wait already. One that fails again in
  // a group that is kept, so that the store works, is dropped: it would hold up all behind it for
  // good. What is dropped is counted and logged: `what`, which is static, and `about`, which names
  // the session or record. Call it with no transaction open.
  using Change = std::function<absl::Status()>;
  void KeepOrLater(std::string_view what, std::string about, Change change,
                   size_t late_max = kLateMax);
  // KeepRecordOrLater is KeepOrLater for a record alone.
  void KeepRecordOrLater(std::string_view what, AuditRecord record, size_t late_max = kLateMax);
  bool has_room() const { return late_.size() < kLateMax; }

  void Connected(const SessionSubject& subject, std::string_view source_ip, int64_t now_unix_ms);

  // Ended writes the record of a session's end, after those of its streams that wait, and ends its
  // row if nobody has yet. EndedNow does so in the transaction that is open. End sets the end of
  // the row alone, and leaves one that is over as it is: the record must follow.
  struct Ending {
    SessionStatus status = SessionStatus::kTerminated;
    std::string reason;
    std::string reported_by;  // Who says so, if it is not the relay itself.
    uint64_t bytes_in = 0;    // To the node.
    uint64_t bytes_out = 0;
  };
  void Ended(const SessionSubject& subject, const Ending& ending, int64_t now_unix_ms);
  absl::Status EndedNow(const SessionSubject& subject, const Ending& ending, int64_t now_unix_ms);
  absl::Status End(std::string_view session_id, const Ending& ending, int64_t now_unix_ms);

  // NewRecord begins a record about a session.
  static AuditRecord NewRecord(std::string_view name, const SessionSubject& subject,
                               int64_t now_unix_ms);

  // Stream is one flow of a session.
  struct Stream {
    SessionSubject subject;
    uint32_t serial = 0;
    std::string_view reported_by;  // Who says so, if it is not the relay itself.
  };
  // StreamOpened and StreamClosed add a stream's record: it waits as AddOfStream says.
  void StreamOpened(const Stream& stream, std::string_view what, int64_t now_unix_ms);
  void StreamClosed(const Stream& stream, const StreamEnd& end, int64_t now_unix_ms);

  // AddOfStream takes a record that may wait; FlushDue writes those that have waited long enough,
  // Flush all that waits. What cannot be written stays for the next time.
  void AddOfStream(AuditRecord record);
  void FlushDue(int64_t now_unix_ms);
  void Flush();

 private:
  static AuditRecord StreamRecord(std::string_view name, const Stream& stream, int64_t now_unix_ms);
  void FlushStreams();
  void PutBack(std::vector<AuditRecord> records);
  // KeepEach is for records that the store does not take together: most likely one is at fault.
  void KeepEach(const std::vector<AuditRecord>& records);
  struct Late {
    std::string_view what;
    std::string about;
    Change change;
    size_t max = kLateMax;  // It waits behind fewer than so many.
    bool has_failed = false;
  };
  void KeepNow(Late late);
  void Wait(Late late);
  void Lose(std::string_view what, std::string_view about, std::string_view why);
  static void LogFailure(std::string_view what, const absl::Status& status);

  Store& store_;
  std::vector<Late> late_;
  std::vector<AuditRecord> waiting_;  // Of streams.
  // So many of them came back from a group that was lost, in several pieces, the first ones first.
  size_t put_back_count_ = 0;
  uint64_t lost_count_ = 0;  // Since the log said how many.
};

}  // namespace relay
