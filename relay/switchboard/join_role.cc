#include "relay/switchboard/join_role.h"

#include <cstring>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/tls/tls_channel.h"
#include "engine/wire/session_plan.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

using engine::CloseCode;
using engine::log::Level;

JoinRole::JoinRole(Switchboard& switchboard, engine::SecureConnection& connection,
                   std::string node_id)
    : switchboard_(switchboard),
      connection_(connection),
      node_id_(std::move(node_id)),
      source_address_(connection.loop().PeerAddress(connection.socket()).HostText()),
      exchange_(connection, *this, connection.loop().Now() + kTokenMax) {}

void JoinRole::OnMessage(const engine::ControlMessage& message) {
  const auto* join = std::get_if<engine::Join>(&message);
  if (join == nullptr) return OnBroken("the first message is not a join");
  const ClaimOutcome outcome = switchboard_.lanes().Find(join->token, node_id_);
  if (outcome.lane == nullptr && outcome.code == CloseCode::kBadToken) {
    switchboard_.control().JoinRefused(
        {"JoinLane", {}, source_address_, std::string(outcome.text)});
  }
  if (outcome.lane == nullptr) return Refuse(outcome.code, outcome.text);
  is_wrapped_ = join->is_wrapped;
  if (outcome.lane->grant().is_inspected && !is_wrapped_) {
    return Refuse(CloseCode::kProtocolError, "a lane of an inspected session stays inside TLS");
  }
  lane_ = outcome.lane;
  side_ = outcome.side;
  lane_->Claim(side_, *this);
}

bool JoinRole::is_early() const { return connection_.channel().has_unread(); }

bool JoinRole::Join() {
  exchange_.Send(engine::Joined{});
  if (is_wrapped_) {
    connection_.HoldInput(true);
    return false;
  }
  connection_.Detach();
  return true;
}

std::unique_ptr<Leg> JoinRole::TakeLeg() {
  lane_ = nullptr;
  auto leg = std::make_unique<TlsLeg>(connection_);
  leg_ = leg.get();
  return leg;
}

void JoinRole::Detached(engine::DetachedSocket detached) {
  // A lane that was given up meanwhile has cut the connection, and then this is not called.
  CHECK(lane_ != nullptr);
  std::exchange(lane_, nullptr)->Detached(side_, std::move(detached));
}

void JoinRole::Refuse(CloseCode code, std::string_view text) {
  lane_ = nullptr;
  if (std::exchange(is_over_, true)) return;
  engine::log::Write(Level::kInfo, "join_refused",
                     {{"from", source_address_},
                      {"node", node_id_.empty() ? "none" : node_id_},
                      {"code", engine::CloseCodeName(code)}});
  exchange_.Goaway(code, text);
}

void JoinRole::Cut() {
  lane_ = nullptr;
  connection_.Close();
}

void JoinRole::OnGoaway(CloseCode, std::string_view text) {
  Leave(text);
  connection_.Close();
}

void JoinRole::OnBroken(std::string_view text) {
  Leave(text);
  Refuse(CloseCode::kProtocolError, text);
}

void JoinRole::Disconnected(std::string_view text) {
  if (leg_ != nullptr) {
    switchboard_.CountLeg(connection_.channel().counts());
    return std::exchange(leg_, nullptr)->Closed(text);
  }
  Leave(text);
}

void JoinRole::Leave(std::string_view why) {
  if (lane_ != nullptr) std::exchange(lane_, nullptr)->Gone(side_, why);
}

void JoinRole::Farewell() {
  // What has claimed a lane is the lanes' to end.
  if (!is_known()) Refuse(CloseCode::kShuttingDown, engine::kRelayStoppingText);
}

void JoinRole::ReceiveBytes(engine::ByteView bytes, engine::Instant now) {
  if (bytes.empty()) return;
  engine::BufferRef block = connection_.loop().buffers().Take();
  if (block.empty()) return Refuse(CloseCode::kTooMany, "the relay has no memory to spare");
  if (block.size() < bytes.size()) return OnBroken("more than a join behind the request for one");
  std::memcpy(block.bytes().data(), bytes.data(), bytes.size());
  Receive(block.Share(0, bytes.size()), now);
}

void JoinRole::Receive(engine::BufferRef plaintext, engine::Instant now) {
  if (leg_ != nullptr) return leg_->Receive(std::move(plaintext));
  exchange_.Receive(std::move(plaintext), now);
}

size_t JoinRole::GatherRecord(std::span<engine::ByteView> slices, engine::Instant now) {
  const size_t count = exchange_.GatherRecord(slices, now);
  is_leg_taking_ = count == 0 && leg_ != nullptr;
  return is_leg_taking_ ? leg_->GatherRecord(slices) : count;
}

void JoinRole::RecordTaken() {
  if (std::exchange(is_leg_taking_, false)) return leg_->RecordTaken();
  exchange_.RecordTaken();
}

}  // namespace relay
