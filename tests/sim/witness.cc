#include "tests/sim/witness.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/sim/relay_disk.h"

namespace sim {

std::string NameOf(Rule rule) {
  constexpr std::array<const char*, kRuleCount> kNames = {"whole connections",
                                                          "resets",
                                                          "sessions apart",
                                                          "served connections",
                                                          "calm",
                                                          "ends that are said",
                                                          "ends by nodes",
                                                          "ends in records",
                                                          "ends of streams",
                                                          "epochs at the relay",
                                                          "epochs at the node",
                                                          "replays",
                                                          "withdrawn bytes",
                                                          "withdrawn ends",
                                                          "records in the store",
                                                          "records of joining again",
                                                          "audit files",
                                                          "refused when full",
                                                          "bytes when full",
                                                          "exits",
                                                          "sizes of terminals",
                                                          "streams full",
                                                          "offers full",
                                                          "sessions full",
                                                          "lanes full",
                                                          "room again",
                                                          "nothing left"};
  return kNames[static_cast<size_t>(rule)];
}

void Witness::Blame(const std::string& text) {
  if (problem_.empty()) problem_ = text;
}

engine::Instant Witness::withdrawal_due() const {
  if (!is_withdrawn()) return engine::Instant::max();
  return std::max(withdrawn_at_, delayed_until_) + kWithdrawnMax;
}

std::vector<engine::HttpRequest> Witness::granted() const {
  std::vector<engine::HttpRequest> requests;
  for (const Granted& granted : granted_) requests.push_back(granted.request);
  return requests;
}

bool Witness::IsStoreWhole(engine::Instant now) const {
  if (disk_works_at_ == engine::Instant::min()) return true;
  if (disk_works_at_ == engine::Instant::max()) return false;
  return now > std::max(disk_works_at_, delayed_until_) + kKeptMax;
}

void Witness::RelayEnded(engine::Instant now) {
  if (!IsStoreWhole(now)) std::erase_if(granted_, [](const auto& one) { return !one.is_kept; });
  for (Granted& granted : granted_) granted.is_kept = true;
}

void Witness::CheckPermission(const std::string& what, engine::Instant now) {
  if (now > withdrawal_due()) Blame(what + " although the permission was withdrawn");
}

void Witness::Answered(const engine::HttpRequest& request, const engine::HttpResponse& response,
                       engine::Instant now) {
  const std::string_view call = request.headers.Get("X-Amz-Target");
  const bool is_start = call.ends_with(".StartSession");
  const bool is_rejoin = call.ends_with(".Rejoin");
  if (!is_start && !is_rejoin) return;
  if (RelayDisk::is_full() && is_start) {  // What runs may come again.
    Applied(Rule::kFullRefuses);
    if (response.status == 200) {
      Blame(std::string(call) + " succeeded although the disk is full");
    } else if (response.body.find("essage") == std::string::npos) {
      Blame(std::string(call) + " was refused without a reason: " + response.body);
    }
  }
  if (response.status != 200) return;
  if (is_rejoin) return RejoinGranted(request, now);
  CheckPermission("a session was started", now);
  const nlohmann::json answer = nlohmann::json::parse(response.body);
  told_.insert(answer.value("SessionId", ""));
}

void Witness::CheckStore(relay::Store& store, const std::string& audit_files) {
  if (told_.empty() && granted_.empty()) return;
  constexpr size_t kEventsMax = 100'000;
  const auto events = store.ListAudit(0, kEventsMax);
  if (!events.ok()) return Blame("the audit cannot be read: " + events.status().ToString());
  std::string records = audit_files;
  for (const relay::AuditEvent& event : *events) records += event.record + '\n';
  CheckRejoins(records);
  std::string starts;
  std::istringstream lines(records);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(R"("StartSession")") != std::string::npos) starts += line;
  }
  for (const std::string& id : told_) {
    Applied(Rule::kRecorded);
    if (!store.FindSession(id).ok()) Blame("the store does not know a session that was started");
    if (starts.find(id) == std::string::npos) Blame("a session was started without a record");
  }
}

void Witness::CheckRejoins(const std::string& records) {
  std::set<std::pair<std::string, uint64_t>> recorded;  // Session and epoch.
  std::istringstream lines(records);
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
    if (!record.is_object() || record.value("eventName", "") != "Rejoin") continue;
    const nlohmann::json& elements = record["responseElements"];
    if (!elements.is_object()) continue;  // It was refused.
    recorded.emplace(elements.value("sessionId", ""), elements.value("epoch", uint64_t{0}));
  }
  for (const Granted& granted : granted_) {
    if (!granted.is_kept) continue;
    Applied(Rule::kRejoinRecorded);
    const nlohmann::json input = nlohmann::json::parse(granted.request.body);
    if (recorded.contains({input.value("SessionId", ""), input.value("Epoch", uint64_t{0})})) {
      continue;
    }
    Blame("a lane was let in again without a record, by epoch " +
          std::to_string(input.value("Epoch", uint64_t{0})));
  }
}

void Witness::RejoinGranted(const engine::HttpRequest& request, engine::Instant now) {
  granted_.push_back({request, IsStoreWhole(now)});
  const nlohmann::json input = nlohmann::json::parse(request.body);
  const uint64_t epoch = input.value("Epoch", uint64_t{0});
  CheckPermission("a lane may be joined again", now);
  uint64_t& granted = granted_epochs_[input.value("SessionId", "")];
  Applied(Rule::kRelayEpoch);
  if (epoch <= granted) {
    Blame("the relay lets a client come again by epoch " + std::to_string(epoch) + " after " +
          std::to_string(granted));
  }
  granted = epoch;
}

void Witness::LaneJoined(const std::string&, engine::Instant now) {
  CheckPermission("a lane was joined", now);
}

void Witness::LaneResumed(const LaneName& lane, uint64_t epoch, engine::Instant now) {
  ++resumed_count_;
  Applied(Rule::kNodeEpoch);
  const auto since = waits_since_.extract(lane);
  engine::Instant& lost_at = lost_at_[lane.first];
  lost_at = std::max(lost_at, since.empty() ? now : since.mapped());
  uint64_t& resumed = resumed_epochs_[lane];
  if (epoch <= resumed) {
    Blame("the node lets lane " + std::to_string(lane.second) + " go on by epoch " +
          std::to_string(epoch) + " after " + std::to_string(resumed));
  }
  resumed = epoch;
}

}  // namespace sim
