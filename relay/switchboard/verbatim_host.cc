#include "relay/switchboard/verbatim_host.h"

#include <memory>

#include "relay/switchboard/control_port.h"
#include "relay/switchboard/gateway_desk.h"
#include "relay/switchboard/original_host.h"
#include "relay/switchboard/posted_connection.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

std::string VerbatimHost::Begin(const SessionGrant& grant, OriginalHost& node,
                                const std::string& source_address) {
  if (switchboard_.control().IsBehind()) return "The relay's audit is busy; try again soon.";
  if (!switchboard_.TakeUp(session_id_)) return "The session was joined already.";
  switchboard_.control().SessionJoined(session_id_, source_address);
  std::string refusal;
  VerbatimSession::Client& client = *this;
  session_ = node.BeginVerbatim(grant, client, refusal);
  if (session_ == nullptr) Report(refusal, 0, 0);
  return refusal;
}

std::string VerbatimHost::Connect(ChannelId channel, std::string_view client_id) {
  std::string refusal = session_->Refusal(client_id);
  if (!refusal.empty()) return refusal;
  channel_ = channel;
  session_->ConnectClient(std::make_unique<PostedConnection>(switchboard_, channel), client_id,
                          switchboard_.loop().Now());
  return refusal;
}

void VerbatimHost::Disconnect() {
  channel_ = {};
  session_->DisconnectClient(switchboard_.loop().Now());
  if (!session_->is_ending()) switchboard_.control().SessionLost(session_id_);
}

bool VerbatimHost::Receive(const MessageBatch& batch) {
  session_->ReceiveFromClient(batch, switchboard_.loop().Now());
  return false;
}

void VerbatimHost::End(std::string_view text) { session_->End(text, switchboard_.loop().Now()); }

void VerbatimHost::OnOver(std::string_view reason, uint64_t to_node_bytes,
                          uint64_t to_client_bytes) {
  Report(reason, to_node_bytes, to_client_bytes);
  switchboard_.gateway().Left(*this);  // Last: it destroys this.
}

void VerbatimHost::Report(std::string_view reason, uint64_t to_node_bytes,
                          uint64_t to_client_bytes) {
  switchboard_.PutDown(session_id_);
  switchboard_.control().SessionEnded(session_id_, std::string(reason), to_node_bytes,
                                      to_client_bytes);
}

}  // namespace relay
