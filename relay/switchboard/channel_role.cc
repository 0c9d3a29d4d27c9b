#include "relay/switchboard/channel_role.h"

#include <memory>
#include <utility>

#include "engine/datachannel/agent_payloads.h"
#include "relay/gateway/channel_closed.h"
#include "relay/switchboard/control_port.h"
#include "relay/switchboard/gateway_desk.h"
#include "relay/switchboard/original_desk.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

std::optional<std::string> ChannelSessionId(std::string_view target) {
  if (!target.starts_with(engine::datachannel::kDataChannelPath)) return std::nullopt;
  target.remove_prefix(engine::datachannel::kDataChannelPath.size());
  const std::string_view id = target.substr(0, target.find('?'));
  if (id.empty() || id.size() > engine::datachannel::kSessionIdSizeMax ||
      id.find('/') != std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(id);
}

ChannelRole::ChannelRole(Switchboard& switchboard, engine::SecureConnection& connection,
                         std::string session_id, std::string node_id, std::string source_address,
                         const engine::HttpResponse& answer)
    : switchboard_(switchboard),
      connection_(connection),
      session_id_(std::move(session_id)),
      node_id_(std::move(node_id)),
      source_address_(std::move(source_address)),
      serial_(switchboard.gateway().AddChannel(*this)),
      socket_(connection, *this, answer, connection.loop().Now()) {}

ChannelRole::~ChannelRole() { switchboard_.gateway().RemoveChannel(serial_); }

void ChannelRole::ReceiveBytes(engine::ByteView bytes, engine::Instant now) {
  if (!bytes.empty()) socket_.ReceiveBytes(bytes, now);
}

ChannelDesk& ChannelRole::DeskAt(Switchboard& there, bool is_nodes) {
  if (is_nodes) return there.originals();
  return there.gateway();
}

bool ChannelRole::OnOpening(std::string_view json) {
  engine::datachannel::OpenDataChannel open;
  if (!Decode(json, open)) return false;
  const std::optional<uint32_t> loop = switchboard_.Locate(session_id_);
  if (!loop.has_value()) {
    // A refused upgrade makes clients wait for ever without a word (P12): they are told here.
    switchboard_.control().JoinRefused(
        {"OpenDataChannel", session_id_, source_address_, std::string(kNoSessionText)});
    MessageBatch batch;
    batch.Add(engine::AsBytes(ChannelClosedMessage(session_id_, {}, kNoSessionText)));
    socket_.Deliver(std::move(batch));
    socket_.Close();
    return true;
  }
  session_loop_ = *loop;
  is_opened_ = true;
  switchboard_.Post(
      session_loop_,
      [attachment = ChannelAttachment{.session_id = session_id_,
                                      .token = open.token,
                                      .client_id = open.client_id,
                                      .node_id = node_id_,
                                      .source_address = source_address_,
                                      .channel = {switchboard_.index(), serial_}}](
          Switchboard& there) { DeskAt(there, !attachment.node_id.empty()).Attach(attachment); });
  return true;
}

void ChannelRole::OnMessages(MessageBatch batch) {
  if (!is_opened_) return;
  switchboard_.Post(
      session_loop_,
      [id = session_id_, channel = ChannelId{switchboard_.index(), serial_},
       is_nodes = !node_id_.empty(),
       batch = std::make_shared<const MessageBatch>(std::move(batch))](Switchboard& there) {
        DeskAt(there, is_nodes).Receive(id, channel, *batch);
      });
}

void ChannelRole::OnSent(size_t size) {
  if (!is_opened_) return;
  switchboard_.Post(session_loop_,
                    [id = session_id_, channel = ChannelId{switchboard_.index(), serial_},
                     is_nodes = !node_id_.empty(), size](Switchboard& there) {
                      DeskAt(there, is_nodes).Sent(id, channel, size);
                    });
}

void ChannelRole::OnChannelClosed(std::string_view) {
  if (!std::exchange(is_opened_, false)) return;
  switchboard_.Post(session_loop_,
                    [id = session_id_, channel = ChannelId{switchboard_.index(), serial_},
                     is_nodes = !node_id_.empty()](Switchboard& there) {
                      DeskAt(there, is_nodes).Lost(id, channel);
                    });
}

void ChannelRole::Disconnected(std::string_view text) { socket_.HandleEnd(text); }

// Its session says the last word when it stops.
void ChannelRole::Farewell() {
  if (!is_opened_) connection_.CloseAfterOutput();
}

}  // namespace relay
