#include "relay/switchboard/control_channel_role.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/datachannel/control_payloads.h"
#include "relay/switchboard/original_desk.h"
#include "relay/switchboard/original_host.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

std::optional<std::string> ControlChannelNode(std::string_view target) {
  if (!target.starts_with(engine::datachannel::kControlChannelPath)) return std::nullopt;
  target.remove_prefix(engine::datachannel::kControlChannelPath.size());
  return std::string(target.substr(0, target.find('?')));
}

ControlChannelRole::ControlChannelRole(Switchboard& switchboard,
                                       engine::SecureConnection& connection, std::string node_id,
                                       std::string source_address,
                                       const engine::HttpResponse& answer)
    : switchboard_(switchboard),
      connection_(connection),
      node_id_(std::move(node_id)),
      source_address_(std::move(source_address)),
      socket_(connection, *this, answer, connection.loop().Now()) {}

ControlChannelRole::~ControlChannelRole() {
  if (host_ != nullptr) host_->ControlLost("the connection to the node was lost");
}

void ControlChannelRole::ReceiveBytes(engine::ByteView bytes, engine::Instant now) {
  if (!bytes.empty()) socket_.ReceiveBytes(bytes, now);
}

bool ControlChannelRole::OnOpening(std::string_view json) {
  engine::datachannel::OpenControlChannel open;
  if (!Decode(json, open)) return false;
  host_ = &switchboard_.originals().Welcome(*this, node_id_, open.agent_version, source_address_);
  return true;
}

void ControlChannelRole::OnMessages(MessageBatch batch) {
  if (host_ != nullptr) host_->ReceiveControl(batch);
  socket_.Taken(batch.weight());
}

void ControlChannelRole::Send(std::string_view message) {
  unsent_ += message.size();
  if (unsent_ > kUnsentMax) return connection_.Close();
  MessageBatch batch;
  batch.Add(engine::AsBytes(message));
  socket_.Deliver(std::move(batch));
}

void ControlChannelRole::OnSent(size_t size) { unsent_ -= std::min(unsent_, size); }

void ControlChannelRole::HostLeft() {
  host_ = nullptr;
  socket_.Close();
}

void ControlChannelRole::OnChannelClosed(std::string_view why) {
  if (host_ != nullptr) std::exchange(host_, nullptr)->ControlLost(why);
}

void ControlChannelRole::Farewell() {
  if (host_ != nullptr) return host_->Farewell();
  connection_.CloseAfterOutput();
}

}  // namespace relay
