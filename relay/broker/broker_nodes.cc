// The part of Broker that knows which nodes are here.

#include <string>
#include <utility>
#include <vector>

#include "relay/broker/broker.h"

namespace relay {
namespace {

// VersionOf is the version alone, as a node says it when it is enrolled: its hello says "NAME/1.2".
std::string VersionOf(const std::string& software) {
  return software.substr(software.find('/') + 1);
}

}  // namespace

absl::Status Broker::NodeConnected(const NodeConnection& connection, int64_t now_unix_ms) {
  return records_.Keep("node_connected", [&]() -> absl::Status {
    absl::StatusOr<Node> node = store_.FindNode(connection.node_id);
    if (absl::IsNotFound(node.status())) {
      return absl::NotFoundError("this node is not registered at the relay any more");
    }
    if (!node.ok()) return node.status();
    if (!connection.name.empty()) node->name = connection.name;
    if (!connection.platform.empty()) node->platform = connection.platform;
    if (!connection.agent_version.empty()) {
      node->agent_version = VersionOf(connection.agent_version);
    }
    node->source_ip = connection.source_ip;
    node->last_seen_unix_ms = now_unix_ms;
    if (absl::Status status = store_.UpdateNode(*node); !status.ok()) return status;
    AuditRecord record = NewServiceEvent("NodeConnected", now_unix_ms);
    record.principal = connection.node_id;
    record.source_ip = connection.source_ip;
    record.additional = {{"name", node->name}, {"agentVersion", node->agent_version}};
    return AppendAudit(store_, record);
  });
}

absl::Status Broker::NodeReturned(const NodeConnection& connection, int64_t now_unix_ms) {
  // Found once for all that come before the next Tick.
  if (nodes_with_sessions_.empty()) {
    for (const auto& [id, live] : live_) {
      const bool goes_on = HasStarted(live) && live.state != Live::State::kEnding;
      if (goes_on) nodes_with_sessions_.insert(live.subject.node_id);
    }
  }
  // It was registered when they were started, and nobody can deregister it meanwhile.
  if (!nodes_with_sessions_.contains(connection.node_id) || !records_.has_room()) {
    return absl::UnavailableError("the relay cannot write its store; see its log");
  }
  AuditRecord record = NewServiceEvent("NodeConnected", now_unix_ms);
  record.principal = connection.node_id;
  record.source_ip = connection.source_ip;
  record.additional = {{"name", connection.name},
                       {"agentVersion", VersionOf(connection.agent_version)}};
  RecordLater(std::move(record));
  return absl::OkStatus();
}

void Broker::RecordLater(AuditRecord record) {
  records_.KeepRecordOrLater("late_record", std::move(record));
}

void Broker::RecordRefusalLater(AuditRecord record) {
  records_.KeepRecordOrLater("late_refusal", std::move(record), SessionRecords::kLateMax / 2);
}

void Broker::NodeDisconnected(std::string_view node_id, uint64_t link_serial,
                              std::string_view reason, int64_t now_unix_ms) {
  AuditRecord record =
      NewServiceEvent(IsConnected(node_id) ? "NodeLinkReplaced" : "NodeDisconnected", now_unix_ms);
  record.principal = node_id;
  record.additional.emplace_back("reason", reason);
  records_.KeepOrLater(
      "node_disconnected", std::string(node_id),
      [this, id = std::string(node_id), record = std::move(record), now_unix_ms]() -> absl::Status {
        const absl::Status status = store_.TouchNode(id, now_unix_ms);
        // One that was deregistered leaves a record all the same.
        if (!status.ok() && !absl::IsNotFound(status)) return status;
        return AppendAudit(store_, record);
      });
  FailOffersOf(link_serial, now_unix_ms);
  if (waiting_lane_count_ > 0) data_plane_.RefuseReturns(link_serial);
}

absl::Status Broker::DeregisterNode(std::string_view node_id, int64_t now_unix_ms) {
  if (absl::Status status = store_.DeleteNode(node_id); !status.ok()) return status;
  store_.AfterCommit([this, id = std::string(node_id), now_unix_ms] { EndNode(id, now_unix_ms); });
  return absl::OkStatus();
}

void Broker::EndNode(const std::string& node_id, int64_t now_unix_ms) {
  constexpr std::string_view kReason = "The node was deregistered.";
  std::vector<std::string> open;
  for (const auto& [id, live] : live_) {
    const bool is_open = HasStarted(live) && live.state != Live::State::kEnding;
    if (is_open && live.subject.node_id == node_id) open.push_back(id);
  }
  for (const std::string& id : open) {
    Live* live = Find(id);
    if (live != nullptr) End(*live, SessionStatus::kTerminated, kReason, now_unix_ms);
  }
  // It cannot come again, and nothing more will be heard of it.
  for (auto& [id, live] : live_) {
    if (live.sealed != nullptr && live.subject.node_id == node_id) live.sealed->node_is_done = true;
  }
  unheard_stops_.Forget(node_id);
  const std::optional<NodePlace> place = data_plane_.FindNode(node_id);
  if (!place.has_value()) return;
  FailOffersOf(place->link_serial, now_unix_ms);
  data_plane_.CutNode(node_id, kReason);
}

}  // namespace relay
