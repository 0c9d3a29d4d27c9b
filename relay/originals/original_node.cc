#include "relay/originals/original_node.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/datachannel/control_payloads.h"
#include "engine/wire/control.h"
#include "relay/gateway/channel_closed.h"
#include "relay/originals/original_session.h"
#include "relay/originals/original_task.h"

namespace relay {

using engine::CloseCode;
using engine::Instant;
using engine::datachannel::AgentMessage;
using engine::datachannel::MessageType;

namespace {

engine::MultiplexerOptions LinkOptions() {
  engine::MultiplexerOptions options;
  // The agent takes a megabyte a second: large windows would only hold more.
  options.window_bytes_max = 1024 * 1024;
  return options;
}

}  // namespace

OriginalNode::OriginalNode(std::string node_id, std::string_view agent_version, Runner& runner,
                           engine::BufferPool& pool, Instant now, uint64_t seed)
    : node_id_(std::move(node_id)),
      runner_(runner),
      pool_(pool),
      random_(seed),
      link_(engine::Side::kConnected, LinkOptions(), *this, pool, now),
      now_(now) {
  const engine::Hello hello{.software = std::string(agent_version), .role = "agent"};
  CHECK(link_.SendControl(engine::kLinkStream, engine::Encode(hello)));
}

OriginalNode::~OriginalNode() {
  for (const auto& [id, session] : sessions_) runner_.OnSessionOver(id);
}

AgentSession* OriginalNode::Find(const std::string& session_id) {
  const auto found = sessions_.find(session_id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

std::string_view OriginalNode::Crowded() const {
  if (sessions_.size() >= kSessionsMax) return "the node has too many sessions";
  if (runner_.TakesNew()) return {};
  return "the node's agent does not keep up with what it is told: try again soon";
}

void OriginalNode::OnOpen(engine::StreamId id, engine::Priority, engine::ByteView request) {
  OriginalTask task = TaskOf(engine::AsText(request));
  if (task.code != CloseCode::kNormal) return link_.Reject(id, task.code, task.text);
  const std::string session_id = task.start.session_id;
  if (AgentSession* session = Find(session_id)) {
    if (session->Open(id)) return;
    return link_.Reject(id, CloseCode::kTooMany,
                        "a session with this node's agent (amazon-ssm-agent) runs one program: "
                        "start another session");
  }
  if (const std::string_view why = Crowded(); !why.empty()) {
    return link_.Reject(id, CloseCode::kTooMany, why);
  }
  AgentSession::Owner& owner = *this;
  auto session =
      std::make_unique<OriginalSession>(std::move(task), node_id_, owner, now_, random_.Next());
  CHECK(session->Open(id));
  Add(session_id, std::move(session));
}

VerbatimSession* OriginalNode::BeginVerbatim(const SessionGrant& grant,
                                             VerbatimSession::Client& client, Instant now,
                                             std::string& refusal) {
  const OriginalTask task = TaskOf(grant);
  refusal = task.code == CloseCode::kNormal ? std::string(Crowded()) : task.text;
  if (!refusal.empty()) return nullptr;
  AgentSession::Owner& owner = *this;
  auto session =
      std::make_unique<VerbatimSession>(grant, task, owner, client, /*passage=*/nullptr, now);
  VerbatimSession* begun = session.get();
  Add(grant.session_id, std::move(session));
  return begun;
}

void OriginalNode::Add(const std::string& session_id, std::unique_ptr<AgentSession> session) {
  CHECK(sessions_.emplace(session_id, std::move(session)).second);
  runner_.OnSessionBegan(session_id);
  runner_.Wake();
}

void OriginalNode::ReceiveControl(const MessageBatch& batch, Instant now) {
  now_ = now;
  for (BatchReader reader(batch); !reader.done(); reader.Pop()) {
    AgentMessage message;
    // Telemetry, and whatever else agents say there, is passed over.
    if (Decode(reader.front(), message) != engine::datachannel::AgentMessageError::kNone) continue;
    engine::datachannel::TaskComplete task;
    if (message.type != MessageType::kTaskComplete || !Decode(message.payload, task)) continue;
    if (AgentSession* session = Find(task.task_id)) session->Complete(task, now);
    // Of one that is not known any more as well: it would be repeated for ever.
    std::array<char, engine::datachannel::kMessageIdTextSize> id;
    engine::datachannel::FormatMessageId(message.id, id);
    runner_.SendControl(ServiceMessage(MessageType::kTaskAcknowledge,
                                       EncodeTaskAcknowledge(task, {id.data(), id.size()})));
  }
}

void OriginalNode::Run(Instant now) {
  now_ = now;
  std::vector<std::string> over;
  for (const auto& [id, session] : sessions_) {
    session->Run(now);
    if (session->over()) over.push_back(id);
  }
  for (const std::string& id : over) {
    runner_.OnSessionOver(id);
    sessions_.erase(id);
  }
}

Instant OriginalNode::NextDeadline() const {
  Instant next = Instant::max();
  for (const auto& [id, session] : sessions_) next = std::min(next, session->NextDeadline());
  return next;
}

void OriginalNode::LinkClosed() { link_.Disconnected(CloseCode::kNodeGone, "the link is over"); }

}  // namespace relay
