#include "client/plugin/basic_port_user.h"

#include <algorithm>
#include <utility>

#include "client/plugin/plugin_text.h"

namespace client {

using engine::datachannel::PayloadType;
using engine::datachannel::SessionFlag;

BasicPortUser::BasicPortUser(engine::Loop& loop, ChannelSession& session, std::string session_id,
                             SessionUser::Events& events)
    : loop_(loop),
      session_(session),
      session_id_(std::move(session_id)),
      events_(events),
      listener_(loop, static_cast<ForwardListener::Events&>(*this)) {}

absl::Status BasicPortUser::Listen(const ForwardSpec& spec) {
  if (absl::Status status = listener_.Listen(spec); !status.ok()) return status;
  events_.OnUserText(OpenedText(spec, listener_.LocalText(), session_id_) + "\n");
  listener_.Start();
  return absl::OkStatus();
}

bool BasicPortUser::TakeData(PayloadType type, engine::ByteView bytes) {
  if (is_stopped_) return true;
  if (type != PayloadType::kOutput) {
    if (IsPortError(type, bytes)) events_.OnUserText(std::string(kPortErrorText));
    return true;
  }
  PortConnection* local = active();
  if (local == nullptr || local->IsFull()) return false;
  if (is_leaving_) return true;
  local->Append(bytes);
  if (local->HasEnough() && !std::exchange(is_holding_, true)) session_.Hold();
  return true;
}

void BasicPortUser::OnRoom() {
  if (disconnect_due_) SendDisconnect();
  if (PortConnection* local = active()) local->Resume();
}

bool BasicPortUser::idle() const {
  return std::ranges::all_of(connections_, [](const auto& its) { return its->idle(); });
}

void BasicPortUser::Stop() {
  is_stopped_ = true;
  listener_.Stop();
  for (const auto& local : connections_) local->Abort();
}

void BasicPortUser::OnLocalConnection(engine::Socket socket) {
  connections_.push_back(std::make_unique<PortConnection>(
      loop_, socket, 0, static_cast<PortConnection::Owner&>(*this)));
  if (is_stopped_) return connections_.back()->Abort();
  listener_.Pause();
  if (connections_.size() == 1) StartFront();
}

void BasicPortUser::StartFront() {
  is_leaving_ = false;
  events_.OnUserText(BasicAcceptedText(session_id_));
  connections_.front()->Start();
  session_.Resume();
}

size_t BasicPortUser::OnLocalBytes(PortConnection&, engine::ByteView bytes) {
  return disconnect_due_ ? 0 : session_.SendBytes(bytes);
}

void BasicPortUser::OnLocalFinished(PortConnection& local) {
  // The protocol has no end of one direction: this one ends both.
  if (is_stopped_) return;
  is_leaving_ = true;
  local.FinishOutput();
  SendDisconnect();
}

void BasicPortUser::OnLocalMoved(PortConnection& local) {
  if (!local.HasEnough() && std::exchange(is_holding_, false)) session_.Resume();
}

void BasicPortUser::OnLocalBroken(PortConnection&) {
  if (is_stopped_) return;
  is_leaving_ = true;
  SendDisconnect();
}

void BasicPortUser::OnLocalOver(PortConnection& local) {
  std::erase_if(connections_, [&](const auto& its) { return its.get() == &local; });
  if (is_stopped_) return;
  if (std::exchange(is_holding_, false)) session_.Resume();
  connections_.empty() ? listener_.Start() : StartFront();
}

void BasicPortUser::SendDisconnect() {
  disconnect_due_ = !session_.HasRoom();
  if (!disconnect_due_) session_.Send(PayloadType::kFlag, Encode(SessionFlag::kDisconnectToPort));
}

}  // namespace client
