#include "client/plugin/native_port.h"

#include <unistd.h>

#include <utility>

#include "client/forward.h"
#include "client/memory_plan.h"
#include "client/plugin/plugin_text.h"
#include "client/say.h"
#include "engine/base/check.h"
#include "engine/wire/host_port.h"

namespace client {

NativePort::NativePort(engine::LoopDriver& driver, LinkTarget target, ForwardSpec spec,
                       Events& events)
    : driver_(driver),
      session_id_(target.session_id),
      spec_(std::move(spec)),
      events_(events),
      listener_(driver.loop(), static_cast<ForwardListener::Events&>(*this)) {
  target.options = ForwardLinkOptions(/*forwards=*/1, /*lanes=*/1);
  link_ = std::make_unique<SessionLink>(driver_, std::move(target), static_cast<LaneSource&>(*this),
                                        static_cast<SessionLink::Events&>(*this));
}

NativePort::~NativePort() { CHECK(joined()); }

void NativePort::Start() { link_->Dial(); }

void NativePort::Stop() {
  is_stopped_ = true;
  listener_.Stop();
  if (connections_ != nullptr) connections_->Shut();
  if (link_ != nullptr) link_->Close();
}

void NativePort::Abort() {
  if (link_ != nullptr) link_->Abort();
}

bool NativePort::joined() const {
  return link_ == nullptr && listener_.joined() &&
         (connections_ == nullptr || connections_->empty());
}

void NativePort::OnLinkReady(SessionLink& link) {
  if (is_stopped_) return;
  if (absl::Status status = listener_.Listen(spec_); !status.ok()) {
    is_stopped_ = true;
    return events_.OnNativeOver(Events::End::kCannotListen, TextOf(status));
  }
  connections_ = std::make_unique<LaneConnections>(driver_.loop(), link.multiplexer(),
                                                   Forward::RequestFor(spec_),
                                                   static_cast<LaneConnections::Events&>(*this));
  const std::string& local = listener_.LocalText();
  if (spec_.socket_path.empty()) {
    local_port_ = engine::ParsePort(local.substr(local.rfind(':') + 1)).value_or(0);
  }
  events_.OnNativeText(OpenedText(spec_, local, session_id_) + std::string(kWaitingText));
  listener_.Start();
}

void NativePort::OnLinkEnded(SessionLink& link, const LinkEnd& end) {
  const bool was_told = link.leaving();
  link_.reset();
  if (connections_ != nullptr) connections_->Close();
  if (std::exchange(is_stopped_, true)) return;
  listener_.Stop();
  if (connections_ == nullptr) return events_.OnNativeUnavailable();
  events_.OnNativeOver(was_told ? Events::End::kEnded : Events::End::kCut, end.text);
}

void NativePort::OnLocalConnection(engine::Socket socket) {
  driver_.loop().Release(socket);
  const LocalConnection connection{.descriptor = static_cast<int>(socket.handle)};
  ++connection_count_;
  if (is_stopped_) return OnConnectionNotTaken(connection);
  if (connection_count_ >= ConnectionsMax(1)) listener_.Pause();
  if (!std::exchange(was_accepted_, true)) events_.OnNativeText(MuxAcceptedText(session_id_));
  connections_->Take(connection);
}

void NativePort::OnConnectionRefused(engine::CloseCode, std::string_view) {
  if (!is_stopped_) events_.OnNativeText(std::string(kPortErrorText));
}

void NativePort::OnConnectionNotTaken(LocalConnection connection) {
  ::close(connection.descriptor);  // No loop has it.
  OnConnectionOver();
}

void NativePort::OnConnectionOver() {
  --connection_count_;
  if (!is_stopped_ && connection_count_ < ConnectionsMax(1)) listener_.Start();
}

void NativePort::AskForLane(const std::string&, Done) {
  CHECK(false);  // An inspected session has one link ...
}

void NativePort::AskToRejoin(const std::string&, uint32_t, Done) {
  CHECK(false);  // ... which ends with its connection.
}

}  // namespace client
