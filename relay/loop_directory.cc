#include "relay/loop_directory.h"

#include <utility>

#include "relay/broker/join_token.h"
#include "relay/switchboard/agent_role.h"
#include "relay/switchboard/switchboard.h"

namespace relay {
namespace {

// Tell hands a task to a loop. One that has ended has closed all that it could be told of.
void Tell(LoopPort& loop, LoopPort::Task task) { static_cast<void>(loop.Tell(std::move(task))); }

}  // namespace

bool LoopDirectory::NodeArrived(const std::string& node_id, const NodePlace& place) {
  const auto found = nodes_.find(node_id);
  const bool replaces = found != nodes_.end();
  if (replaces) {
    const NodePlace& before = found->second.place;
    Tell(*loops_[before.loop], [serial = before.link_serial](Switchboard& switchboard) {
      switchboard.DismissLink(serial, engine::CloseCode::kReplaced, AgentRole::kReplacedText);
    });
  }
  nodes_.insert_or_assign(node_id, Link{place});
  return replaces;
}

void LoopDirectory::NodeAdmitted(const std::string& node_id, uint64_t link_serial) {
  const auto found = nodes_.find(node_id);
  if (found == nodes_.end() || found->second.place.link_serial != link_serial) return;
  found->second.is_admitted = true;
  for (const engine::ControlMessage& message : std::exchange(found->second.waiting, {})) {
    TellNode(node_id, message);
  }
}

bool LoopDirectory::NodeLeft(const std::string& node_id, uint64_t link_serial) {
  const auto found = nodes_.find(node_id);
  if (found == nodes_.end() || found->second.place.link_serial != link_serial) return false;
  nodes_.erase(found);
  return true;
}

void LoopDirectory::Forget(const std::string& session_id) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(session_id);
}

std::optional<uint32_t> LoopDirectory::Locate(const std::string& session_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return std::nullopt;
  return found->second;
}

std::optional<NodePlace> LoopDirectory::FindNode(std::string_view node_id) {
  const auto found = nodes_.find(std::string(node_id));
  if (found == nodes_.end()) return std::nullopt;
  return found->second.place;
}

void LoopDirectory::CutNode(std::string_view node_id, std::string_view reason) {
  const auto found = nodes_.find(std::string(node_id));
  if (found == nodes_.end()) return;
  const NodePlace place = found->second.place;
  nodes_.erase(found);
  Tell(*loops_[place.loop],
       [serial = place.link_serial, why = std::string(reason)](Switchboard& switchboard) {
         switchboard.DismissLink(serial, engine::CloseCode::kDenied, why);
       });
}

void LoopDirectory::PrepareSession(const SessionGrant& grant) {
  const auto found = nodes_.find(grant.node_id);
  if (found == nodes_.end()) return;  // It left a moment ago: the client hears so when it joins.
  const uint32_t loop_index = found->second.place.loop;
  {
    const std::lock_guard lock(mutex_);
    sessions_[grant.session_id] = loop_index;
  }
  Tell(*loops_[loop_index], [grant](Switchboard& switchboard) { switchboard.Prepare(grant); });
}

void LoopDirectory::RenewToken(std::string_view session_id,
                               const engine::crypto::Sha256Digest& token_sha256) {
  const std::string id(session_id);
  const std::optional<uint32_t> loop_index = Locate(id);
  if (!loop_index.has_value()) return;
  Tell(*loops_[*loop_index],
       [id, token_sha256](Switchboard& switchboard) { switchboard.RenewToken(id, token_sha256); });
}

void LoopDirectory::EndSession(std::string_view session_id, std::string_view reason) {
  uint32_t loop_index = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(std::string(session_id));
    if (found == sessions_.end()) return;
    loop_index = found->second;
    sessions_.erase(found);
  }
  Tell(*loops_[loop_index], [id = std::string(session_id), why = std::string(reason)](
                                Switchboard& switchboard) { switchboard.End(id, why); });
}

void LoopDirectory::TellNode(std::string_view node_id, const engine::ControlMessage& message) {
  const auto found = nodes_.find(std::string(node_id));
  if (found == nodes_.end()) return;
  Link& link = found->second;
  if (!link.is_admitted) {
    if (link.waiting.size() < kWaitingMax) link.waiting.push_back(message);
    return;
  }
  Tell(*loops_[link.place.loop], [id = std::string(node_id), message](Switchboard& switchboard) {
    switchboard.TellNode(id, message);
  });
}

bool LoopDirectory::AddLane(uint32_t loop, const LaneGrant& grant) {
  return loops_[loop]->Post([grant](Switchboard& switchboard) { switchboard.AddLane(grant); });
}

void LoopDirectory::EndLanes(std::string_view session_id, std::string_view reason) {
  // A session's lanes may be on all loops, and a loop that has none of them looks it up in vain.
  for (LoopPort* loop : loops_) {
    Tell(*loop, [id = std::string(session_id), why = std::string(reason)](
                    Switchboard& switchboard) { switchboard.EndLanes(id, why); });
  }
}

void LoopDirectory::RefuseReturns(uint64_t link_serial) {
  for (LoopPort* loop : loops_) {
    Tell(*loop,
         [link_serial](Switchboard& switchboard) { switchboard.RefuseReturns(link_serial); });
  }
}

void LoopDirectory::CutLanes(const engine::LanesLost& lost, std::string_view reason) {
  const std::optional<JoinTokenPlace> place = ReadJoinToken(lost.join_token);
  for (uint32_t index = 0; index < loop_count(); ++index) {
    if (place.has_value() && place->loop != index) continue;
    Tell(*loops_[index], [lost, why = std::string(reason)](Switchboard& switchboard) {
      switchboard.CutLanes(lost, why);
    });
  }
}

}  // namespace relay
