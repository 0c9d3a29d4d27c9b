#include "relay/broker/session_records.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "engine/base/log.h"
#include "engine/base/utf8.h"
#include "engine/http/amz_date.h"

namespace relay {

using engine::log::Level;

namespace {

constexpr std::string_view kTooMany = "too many wait for the store";

// NameOf is what tells people which record it is: what happened, when, to whom and to what.
std::string NameOf(const AuditRecord& record) {
  constexpr size_t kSizeMax = 500;  // Resources are foreign text where a call was refused.
  std::string name = record.event_name + " " + engine::IsoDate(record.time_unix_ms / 1000);
  const auto add = [&name](std::string_view text) {
    if (name.size() < kSizeMax) name.append(" ").append(text.substr(0, kSizeMax));
  };
  if (!record.principal.empty()) add(record.principal);
  for (const std::string& resource : record.resources) add(resource);
  for (const auto& [key, text] : record.additional) {
    if (key != "stream") continue;
    add("stream");
    add(text);
  }
  return std::string(engine::CutUtf8(name, kSizeMax));
}

}  // namespace

SessionRecords::SessionRecords(Store& store) : store_(store) { waiting_.reserve(kTogether); }

void SessionRecords::LogFailure(std::string_view what, const absl::Status& status) {
  engine::log::Write(Level::kError, "store_failed", {{"at", what}, {"why", status.ToString()}});
}

AuditRecord SessionRecords::NewRecord(std::string_view name, const SessionSubject& subject,
                                      int64_t now_unix_ms) {
  AuditRecord record = NewServiceEvent(name, now_unix_ms);
  record.principal = subject.principal;
  // As CloudTrail names who assumed a role: by the session.
  if (record.principal.starts_with("arn:")) {
    record.user_name = record.principal.substr(record.principal.rfind('/') + 1);
  }
  record.resources.push_back(subject.id);
  if (!subject.node_id.empty()) record.resources.push_back(subject.node_id);
  record.additional.emplace_back("sessionId", subject.id);
  if (!subject.node_id.empty()) record.additional.emplace_back("target", subject.node_id);
  if (subject.carriage.has_value()) {
    record.additional.emplace_back("carriage", CarriageText(*subject.carriage));
  }
  return record;
}

void SessionRecords::KeepOrLater(std::string_view what, std::string about, Change change,
                                 size_t late_max) {
  Late late = {what, std::move(about), std::move(change), late_max};
  // What waits already comes first.
  late_.empty() ? KeepNow(std::move(late)) : Wait(std::move(late));
}

void SessionRecords::KeepRecordOrLater(std::string_view what, AuditRecord record, size_t late_max) {
  std::string about = NameOf(record);
  KeepOrLater(
      what, std::move(about),
      [this, record = std::move(record)] { return AppendAudit(store_, record); }, late_max);
}

void SessionRecords::Lose(std::string_view what, std::string_view about, std::string_view why) {
  if (++lost_count_ > kLostNamedMax) return;
  engine::log::Write(Level::kError, "change_dropped",
                     {{"at", what}, {"about", about}, {"why", why}});
}

void SessionRecords::Wait(Late late) {
  if (late_.size() >= late.max) return Lose(late.what, late.about, kTooMany);
  late_.push_back(std::move(late));
}

void SessionRecords::KeepNow(Late late) {
  const absl::Status status = Keep(late.what, late.change);
  const bool has_failed = !status.ok() && !absl::IsNotFound(status);
  std::function<void()> kept = [] {};
  if (has_failed) {
    // Without a group nobody knows whose fault it is.
    const bool is_second = std::exchange(late.has_failed, true);
    if (!is_second || !store_.in_group()) return Wait(std::move(late));
    kept = [this, what = late.what, about = late.about, status] {
      Lose(what, about, status.ToString());
    };
  }
  store_.AfterCommit(std::move(kept), [this, late = std::move(late)] { Wait(late); });
}

void SessionRecords::Connected(const SessionSubject& subject, std::string_view source_ip,
                               int64_t now_unix_ms) {
  KeepOrLater("session_joined", subject.id,
              [this, subject, source = std::string(source_ip), now_unix_ms]() -> absl::Status {
                if (absl::Status status = store_.SetSessionConnected(subject.id); !status.ok())
                  return status;
                AuditRecord record = NewRecord("SessionConnected", subject, now_unix_ms);
                record.source_ip = source;
                return AppendAudit(store_, record);
              });
}

absl::Status SessionRecords::End(std::string_view session_id, const Ending& ending,
                                 int64_t now_unix_ms) {
  return store_.EndSession({.id = std::string(session_id),
                            .status = ending.status,
                            .details = ending.reason,
                            .ended_unix_ms = now_unix_ms,
                            .reported_by = ending.reported_by});
}

void SessionRecords::Ended(const SessionSubject& subject, const Ending& ending,
                           int64_t now_unix_ms) {
  if (!store_.is_down()) FlushStreams();
  KeepOrLater("session_ended", subject.id, [this, subject, ending, now_unix_ms] {
    return EndedNow(subject, ending, now_unix_ms);
  });
}

absl::Status SessionRecords::EndedNow(const SessionSubject& subject, const Ending& ending,
                                      int64_t now_unix_ms) {
  absl::Status status = End(subject.id, ending, now_unix_ms);
  if (status.ok()) status = store_.SetEndRecorded(subject.id, ending.bytes_in, ending.bytes_out);
  if (!status.ok()) return status;
  AuditRecord record = NewRecord("SessionEnded", subject, now_unix_ms);
  record.additional.emplace_back("reason", ending.reason);
  if (!ending.reported_by.empty()) {
    record.additional.emplace_back("reportedBy", ending.reported_by);
  }
  record.additional.emplace_back("bytesToNode", std::to_string(ending.bytes_in));
  record.additional.emplace_back("bytesFromNode", std::to_string(ending.bytes_out));
  return AppendAudit(store_, record);
}

AuditRecord SessionRecords::StreamRecord(std::string_view name, const Stream& stream,
                                         int64_t now_unix_ms) {
  AuditRecord record = NewRecord(name, stream.subject, now_unix_ms);
  record.additional.emplace_back("stream", std::to_string(stream.serial));
  if (!stream.reported_by.empty()) record.additional.emplace_back("reportedBy", stream.reported_by);
  return record;
}

void SessionRecords::StreamOpened(const Stream& stream, std::string_view what,
                                  int64_t now_unix_ms) {
  AuditRecord record = StreamRecord("StreamOpened", stream, now_unix_ms);
  record.additional.emplace_back("what", what);
  AddOfStream(std::move(record));
}

void SessionRecords::StreamClosed(const Stream& stream, const StreamEnd& end, int64_t now_unix_ms) {
  AuditRecord record = StreamRecord("StreamClosed", stream, now_unix_ms);
  record.additional.emplace_back("what", end.what);
  record.additional.emplace_back("outcome", end.outcome);
  record.additional.emplace_back("bytesToNode", std::to_string(end.to_node_bytes));
  record.additional.emplace_back("bytesFromNode", std::to_string(end.from_node_bytes));
  record.additional.emplace_back("durationMs", std::to_string(end.duration_ms));
  AddOfStream(std::move(record));
}

void SessionRecords::AddOfStream(AuditRecord record) {
  if (waiting_.size() >= kWaitingMax) return Lose("stream_record", NameOf(record), kTooMany);
  waiting_.push_back(std::move(record));
  if (waiting_.size() == kTogether) FlushStreams();
}

void SessionRecords::FlushDue(int64_t now_unix_ms) {
  if (store_.is_down()) return;
  if (!late_.empty() || lost_count_ > 0) return Flush();
  if (waiting_.empty()) return;
  const int64_t since = waiting_.front().time_unix_ms;
  const bool was_set_back = now_unix_ms < since;  // The clock.
  if (was_set_back || now_unix_ms - since >= kDelayMs) Flush();
}

void SessionRecords::Flush() {
  std::vector<Late> late;
  late.swap(late_);
  for (Late& each : late) {
    late_.empty() ? KeepNow(std::move(each)) : Wait(std::move(each));
  }
  FlushStreams();
  if (lost_count_ == 0 || store_.is_down()) return;
  engine::log::Write(Level::kError, "audit_records_lost",
                     {{"count", std::exchange(lost_count_, 0)}});
}

void SessionRecords::FlushStreams() {
  if (waiting_.empty()) return;
  std::vector<AuditRecord> records;
  records.swap(waiting_);
  put_back_count_ = 0;
  waiting_.reserve(kTogether);
  const absl::Status status = Keep("stream_records", [&]() -> absl::Status {
    for (const AuditRecord& record : records) {
      if (absl::Status kept = AppendAudit(store_, record); !kept.ok()) return kept;
    }
    return absl::OkStatus();
  });
  if (!status.ok() && !store_.in_group()) return PutBack(std::move(records));
  std::function<void()> kept = [] {};
  if (!status.ok()) kept = [this, records] { KeepEach(records); };
  store_.AfterCommit(std::move(kept), [this, records = std::move(records)] { PutBack(records); });
}

void SessionRecords::KeepEach(const std::vector<AuditRecord>& records) {
  for (const AuditRecord& record : records) {
    KeepRecordOrLater("stream_record", record);
  }
}

void SessionRecords::PutBack(std::vector<AuditRecord> records) {
  const auto place = waiting_.begin() + static_cast<std::ptrdiff_t>(put_back_count_);
  waiting_.insert(place, std::make_move_iterator(records.begin()),
                  std::make_move_iterator(records.end()));
  put_back_count_ += records.size();
  while (waiting_.size() > kWaitingMax) {
    Lose("stream_record", NameOf(waiting_.back()), kTooMany);
    waiting_.pop_back();
  }
  put_back_count_ = std::min(put_back_count_, waiting_.size());
}

}  // namespace relay
