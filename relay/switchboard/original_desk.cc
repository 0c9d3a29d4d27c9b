#include "relay/switchboard/original_desk.h"

#include <utility>

#include "relay/gateway/channel_closed.h"
#include "relay/switchboard/channel_role.h"
#include "relay/switchboard/gateway_desk.h"
#include "relay/switchboard/original_host.h"
#include "relay/switchboard/posted_connection.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

OriginalDesk::OriginalDesk(Switchboard& switchboard, std::function<void()> on_empty)
    : switchboard_(switchboard), on_empty_(std::move(on_empty)) {}

OriginalDesk::~OriginalDesk() = default;

OriginalHost& OriginalDesk::Welcome(ControlChannelRole& channel, std::string node_id,
                                    std::string_view agent_version, std::string source_address) {
  auto made = std::make_unique<OriginalHost>(switchboard_, channel, std::move(node_id),
                                             agent_version, std::move(source_address));
  OriginalHost& host = *made;
  nodes_.insert_or_assign(host.node_id(), &host);
  hosts_.emplace(&host, std::move(made));
  return host;
}

OriginalHost* OriginalDesk::FindNode(const std::string& node_id) {
  const auto found = nodes_.find(node_id);
  return found == nodes_.end() ? nullptr : found->second;
}

void OriginalDesk::Attach(const ChannelAttachment& attachment) {
  const auto found = sessions_.find(attachment.session_id);
  const bool is_its_own =
      found != sessions_.end() && found->second.host->node_id() == attachment.node_id;
  AgentSession* session =
      is_its_own ? found->second.host->FindSession(attachment.session_id) : nullptr;
  auto connection = std::make_unique<PostedConnection>(switchboard_, attachment.channel);
  if (session == nullptr) {
    MessageBatch batch;
    batch.Add(engine::AsBytes(
        ChannelClosedMessage(attachment.session_id, attachment.node_id, kNoSessionText)));
    connection->Deliver(std::move(batch));
    return connection->Close();
  }
  found->second.channel = attachment.channel;
  session->Connect(std::move(connection), switchboard_.loop().Now());
  switchboard_.Post(attachment.channel.loop,
                    [serial = attachment.channel.serial](Switchboard& there) {
                      ChannelRole* role = there.gateway().FindChannel(serial);
                      if (role != nullptr) role->Accepted();
                    });
}

OriginalDesk::Place* OriginalDesk::FindOf(const std::string& session_id, ChannelId channel) {
  const auto found = sessions_.find(session_id);
  const bool is_its = found != sessions_.end() && found->second.channel == channel;
  return is_its ? &found->second : nullptr;
}

void OriginalDesk::Receive(const std::string& session_id, ChannelId channel,
                           const MessageBatch& batch) {
  Place* place = FindOf(session_id, channel);
  if (place == nullptr) return;
  place->host->FindSession(session_id)->Receive(batch, switchboard_.loop().Now());
}

void OriginalDesk::Sent(const std::string& session_id, ChannelId channel, size_t size) {
  Place* place = FindOf(session_id, channel);
  if (place != nullptr) place->host->FindSession(session_id)->Sent(size);
}

void OriginalDesk::Lost(const std::string& session_id, ChannelId channel) {
  Place* place = FindOf(session_id, channel);
  if (place == nullptr) return;
  place->channel = {};
  place->host->FindSession(session_id)->Disconnect(switchboard_.loop().Now());
}

void OriginalDesk::EndSession(const std::string& session_id, std::string_view reason) {
  const auto found = sessions_.find(session_id);
  if (found == sessions_.end()) return;
  found->second.host->FindSession(session_id)->End(reason, switchboard_.loop().Now());
}

void OriginalDesk::SessionBegan(const std::string& session_id, OriginalHost& host) {
  sessions_.insert_or_assign(session_id, Place{&host, {}});
}

void OriginalDesk::SessionOver(const std::string& session_id) { sessions_.erase(session_id); }

void OriginalDesk::Left(OriginalHost& host) {
  const auto newest = nodes_.find(host.node_id());
  if (newest != nodes_.end() && newest->second == &host) nodes_.erase(newest);
  hosts_.extract(&host);  // Destroyed when it is in no table any more.
  if (hosts_.empty()) on_empty_();
}

}  // namespace relay
