#include "relay/switchboard/gateway_desk.h"

#include <utility>
#include <vector>

#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"
#include "relay/gateway/channel_closed.h"
#include "relay/switchboard/channel_role.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/gateway_host.h"
#include "relay/switchboard/original_desk.h"
#include "relay/switchboard/original_host.h"
#include "relay/switchboard/switchboard.h"
#include "relay/switchboard/verbatim_host.h"

namespace relay {

GatewayDesk::GatewayDesk(Switchboard& switchboard, std::function<void()> on_empty)
    : switchboard_(switchboard), on_empty_(std::move(on_empty)) {}

GatewayDesk::~GatewayDesk() = default;

uint64_t GatewayDesk::AddChannel(ChannelRole& channel) {
  channels_.emplace(++last_serial_, &channel);
  return last_serial_;
}

void GatewayDesk::RemoveChannel(uint64_t serial) { channels_.erase(serial); }

ChannelRole* GatewayDesk::FindChannel(uint64_t serial) {
  const auto found = channels_.find(serial);
  return found == channels_.end() ? nullptr : found->second;
}

ClientHost* GatewayDesk::Find(const std::string& session_id) {
  const auto found = hosts_.find(session_id);
  return found == hosts_.end() ? nullptr : found->second.get();
}

ClientHost* GatewayDesk::FindOf(const std::string& session_id, ChannelId channel) {
  ClientHost* host = Find(session_id);
  return host != nullptr && host->channel() == channel ? host : nullptr;
}

void GatewayDesk::Attach(const ChannelAttachment& attachment) {
  const SessionGrant* grant = switchboard_.FindGrant(attachment.session_id);
  if (grant == nullptr || is_stopping_) return Refuse(attachment, kNoSessionText);
  const engine::crypto::Sha256Digest digest =
      engine::crypto::Sha256(engine::AsBytes(attachment.token));
  if (!engine::crypto::ConstantTimeEqual(digest, grant->token_sha256)) {
    return Refuse(attachment, "The session's token is wrong or too old. Start a new session.");
  }
  ClientHost* host = Find(attachment.session_id);
  const bool is_resumed = host != nullptr;
  std::string refusal;
  if (host == nullptr) host = Begin(*grant, attachment, refusal);
  if (host != nullptr) refusal = host->Connect(attachment.channel, attachment.client_id);
  if (!refusal.empty()) return Refuse(attachment, refusal);
  if (is_resumed) {
    switchboard_.control().SessionResumed(attachment.session_id, attachment.source_address);
  }
  switchboard_.Post(attachment.channel.loop,
                    [serial = attachment.channel.serial](Switchboard& there) {
                      ChannelRole* role = there.gateway().FindChannel(serial);
                      if (role != nullptr) role->Accepted();
                    });
}

ClientHost* GatewayDesk::Begin(const SessionGrant& grant, const ChannelAttachment& attachment,
                               std::string& refusal) {
  std::unique_ptr<ClientHost> made;
  if (OriginalHost* node = switchboard_.originals().FindNode(grant.node_id)) {
    auto host = std::make_unique<VerbatimHost>(switchboard_, grant.session_id);
    refusal = host->Begin(SessionGrant(grant), *node, attachment.source_address);
    if (!refusal.empty()) return nullptr;
    made = std::move(host);
  } else if (grant.is_original && !grant.plan.key_id.empty()) {
    // The client would encrypt for the relay, and the agent could not go on from there.
    refusal = "The node's agent (amazon-ssm-agent) is not connected. Start a new session later.";
    return nullptr;
  } else {
    auto host = std::make_unique<GatewayHost>(switchboard_, grant, attachment.token,
                                              attachment.source_address);
    host->Begin();
    made = std::move(host);
  }
  return hosts_.emplace(attachment.session_id, std::move(made)).first->second.get();
}

void GatewayDesk::Refuse(const ChannelAttachment& attachment, std::string_view text) {
  switchboard_.control().JoinRefused(
      {"OpenDataChannel", attachment.session_id, attachment.source_address, std::string(text)});
  auto batch = std::make_shared<MessageBatch>();
  batch->Add(engine::AsBytes(ChannelClosedMessage(attachment.session_id, {}, text)));
  switchboard_.Post(attachment.channel.loop,
                    [serial = attachment.channel.serial, batch](Switchboard& there) {
                      ChannelRole* role = there.gateway().FindChannel(serial);
                      if (role == nullptr) return;
                      role->Deliver(std::move(*batch));
                      role->Close();
                    });
}

void GatewayDesk::Receive(const std::string& session_id, ChannelId channel,
                          const MessageBatch& batch) {
  ClientHost* host = FindOf(session_id, channel);
  if (host != nullptr && !host->Receive(batch)) return;
  switchboard_.Post(channel.loop,
                    [serial = channel.serial, weight = batch.weight()](Switchboard& there) {
                      ChannelRole* role = there.gateway().FindChannel(serial);
                      if (role != nullptr) role->Taken(weight);
                    });
}

void GatewayDesk::Sent(const std::string& session_id, ChannelId channel, size_t size) {
  if (ClientHost* host = FindOf(session_id, channel)) host->Sent(size);
}

void GatewayDesk::Lost(const std::string& session_id, ChannelId channel) {
  if (ClientHost* host = FindOf(session_id, channel)) host->Disconnect();
}

void GatewayDesk::Stop() {
  is_stopping_ = true;
  for (const auto& [id, host] : hosts_) host->End("The relay is stopping.");
}

void GatewayDesk::CutAll() {
  for (const auto& [id, host] : hosts_) host->Cut();
}

void GatewayDesk::Left(ClientHost& host) {
  hosts_.erase(std::string(host.session_id()));
  if (is_stopping_ && hosts_.empty()) on_empty_();
}

}  // namespace relay
