#include "relay/switchboard/original_host.h"

#include <utility>

#include "engine/crypto/random_bytes.h"
#include "relay/switchboard/control_channel_role.h"
#include "relay/switchboard/original_desk.h"
#include "relay/switchboard/switchboard.h"

namespace relay {

OriginalHost::OriginalHost(Switchboard& switchboard, ControlChannelRole& channel,
                           std::string node_id, std::string_view agent_version,
                           std::string source_address)
    : switchboard_(switchboard),
      loop_(switchboard.loop()),
      channel_(&channel),
      node_id_(std::move(node_id)),
      link_(loop_.buffers(), [this] { run_.Wake(); }),
      role_(switchboard, link_.far_carrier(), std::move(source_address), {.id = node_id_}),
      node_(node_id_, agent_version, *this, loop_.buffers(), loop_.Now(),
            engine::crypto::RandomNumber()),
      run_(loop_, link_, *this) {
  link_.Join(node_.link(), role_.protocol());
  node_.link().Attach(link_.near_carrier());
}

VerbatimSession* OriginalHost::BeginVerbatim(const SessionGrant& grant,
                                             VerbatimSession::Client& client,
                                             std::string& refusal) {
  return node_.BeginVerbatim(grant, client, loop_.Now(), refusal);
}

void OriginalHost::ReceiveControl(const MessageBatch& batch) {
  node_.ReceiveControl(batch, loop_.Now());
}

void OriginalHost::ControlLost(std::string_view why) {
  channel_ = nullptr;
  if (!run_.over()) run_.End(std::string(why));
}

void OriginalHost::SendControl(std::string message) {
  if (channel_ != nullptr) channel_->Send(message);
}

bool OriginalHost::TakesNew() const { return channel_ != nullptr && channel_->TakesNew(); }

void OriginalHost::OnSessionBegan(const std::string& session_id) {
  switchboard_.originals().SessionBegan(session_id, *this);
}

void OriginalHost::OnSessionOver(const std::string& session_id) {
  switchboard_.originals().SessionOver(session_id);
}

void OriginalHost::RunOnce(engine::Instant now) {
  node_.Run(now);
  if (link_.closed()) run_.End("the relay has closed its link");
}

void OriginalHost::OnRunOver(const std::string& reason) {
  role_.Disconnected(reason);
  node_.LinkClosed();
  if (channel_ != nullptr) channel_->HostLeft();
  switchboard_.originals().Left(*this);  // Last: it destroys this.
}

}  // namespace relay
