#include "client/plugin/mux_port_user.h"

#include <algorithm>
#include <array>
#include <utility>

#include "client/plugin/plugin_text.h"
#include "engine/base/check.h"

namespace client {

using engine::datachannel::PayloadType;
using engine::datachannel::SmuxSession;

MuxPortUser::MuxPortUser(engine::Loop& loop, ChannelSession& session, std::string session_id,
                         SessionUser::Events& events)
    : loop_(loop),
      session_(session),
      session_id_(std::move(session_id)),
      events_(events),
      listener_(loop, static_cast<ForwardListener::Events&>(*this)),
      smux_(SmuxSession::Side::kClient,
            {.stream_backlog_max = kBacklogMax, .backlogs_max = kBacklogsMax},
            static_cast<SmuxSession::Handler&>(*this)) {}

absl::Status MuxPortUser::Listen(const ForwardSpec& spec) {
  if (absl::Status status = listener_.Listen(spec); !status.ok()) return status;
  events_.OnUserText(OpenedText(spec, listener_.LocalText(), session_id_) +
                     std::string(kWaitingText));
  listener_.Start();
  return absl::OkStatus();
}

bool MuxPortUser::TakeData(PayloadType type, engine::ByteView bytes) {
  if (is_stopped_) return true;
  if (type != PayloadType::kOutput) {
    if (IsPortError(type, bytes)) events_.OnUserText(std::string(kPortErrorText));
    return true;
  }
  // What comes although nobody reads is on its way already, or from somebody who does not listen.
  if (smux_.backlog_bytes() >= 2 * kBacklogsMax) return false;
  is_busy_ = true;
  const bool is_smux = smux_.Receive(bytes);
  is_busy_ = false;
  if (!is_smux) {
    is_stopped_ = true;
    events_.OnUserEnded(
        {.kind = UserEnd::Kind::kFailed, .text = "what the machine sends is not smux, version 1"});
    return true;
  }
  if (!smux_.CanReceive() && !std::exchange(is_holding_, true)) session_.Hold();
  Pump();
  return true;
}

bool MuxPortUser::idle() const {
  return std::ranges::all_of(connections_,
                             [](const auto& its) { return its.second.local->idle(); });
}

void MuxPortUser::Stop() {
  is_stopped_ = true;
  listener_.Stop();
  for (const auto& [id, joined] : connections_) joined.local->Abort();
}

void MuxPortUser::OnLocalConnection(engine::Socket socket) {
  const uint32_t id = smux_.Open();
  CHECK(id != 0);  // kConnectionsMax is below smux's own, and two thousand million ids suffice.
  if (!std::exchange(was_accepted_, true)) events_.OnUserText(MuxAcceptedText(session_id_));
  PortConnection& local = *(connections_[id].local = std::make_unique<PortConnection>(
                                loop_, socket, id, static_cast<PortConnection::Owner&>(*this)));
  if (connections_.size() >= kConnectionsMax) listener_.Pause();
  if (is_stopped_) return local.Abort();
  local.Start();
  Pump();
}

size_t MuxPortUser::OnLocalBytes(PortConnection& local, engine::ByteView bytes) {
  // Room that is made meanwhile is used here: a Resume from inside this call does nothing.
  size_t taken = 0;
  while (taken < bytes.size()) {
    const size_t written = smux_.Write(local.id(), bytes.subspan(taken));
    if (written == 0) break;
    taken += written;
    Pump();
  }
  return taken;
}

void MuxPortUser::OnLocalFinished(PortConnection& local) {
  if (is_stopped_) return;
  connections_[local.id()].is_finished = true;
  smux_.Finish(local.id());
  Pump();
}

void MuxPortUser::OnLocalMoved(PortConnection& local) {
  if (is_stopped_ || local.HasEnough() || Find(local.id())->is_peer_finished) return;
  smux_.Resume(local.id());
  ResumeIfRoom();
  Pump();
}

void MuxPortUser::OnLocalBroken(PortConnection& local) {
  if (is_stopped_) return;
  const Joined& joined = *Find(local.id());
  if (!joined.is_peer_finished) {
    smux_.Abort(local.id());
  } else if (!joined.is_finished) {
    smux_.Finish(local.id());
  }
  ResumeIfRoom();
  Pump();
}

void MuxPortUser::OnLocalOver(PortConnection& local) {
  connections_.erase(local.id());
  if (!is_stopped_ && connections_.size() < kConnectionsMax) listener_.Start();
}

void MuxPortUser::OnOpened(uint32_t) {}  // Only a client opens streams.

size_t MuxPortUser::OnData(uint32_t id, engine::ByteView bytes) {
  Joined* joined = Find(id);
  if (joined == nullptr) return bytes.size();
  if (joined->local->HasEnough()) return 0;
  const size_t size = std::min(bytes.size(), ByteOutput::kEnough);
  joined->local->Append(bytes.first(size));
  return size;
}

void MuxPortUser::OnFinished(uint32_t id) {
  Joined* joined = Find(id);
  if (joined == nullptr) return;
  joined->is_peer_finished = true;
  joined->local->FinishOutput();
}

void MuxPortUser::OnRoom(uint32_t id) {
  if (Joined* joined = Find(id)) joined->local->Resume();
}

// Pump moves what streams have to say into messages.
void MuxPortUser::Pump() {
  if (is_busy_ || is_stopped_) return;
  is_busy_ = true;
  std::array<std::byte, engine::datachannel::kStreamPayloadMax> payload;
  while (smux_.HasOutput() && session_.HasRoom()) {
    const size_t size = smux_.Gather(payload);
    if (size == 0) break;
    session_.SendBytes(engine::ByteView(payload).first(size));
  }
  is_busy_ = false;
}

void MuxPortUser::ResumeIfRoom() {
  if (smux_.CanReceive() && std::exchange(is_holding_, false)) session_.Resume();
}

MuxPortUser::Joined* MuxPortUser::Find(uint32_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : &found->second;
}

}  // namespace client
