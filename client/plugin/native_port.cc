#include "client/plugin/native_port.h"

#include <utility>

#include "client/memory_plan.h"
#include "client/plugin/plugin_text.h"
#include "client/say.h"
#include "engine/base/check.h"
#include "engine/wire/host_port.h"

namespace client {
namespace {

// One lane, and one more for what should not wait behind bulk; an inspected session has one.
constexpr SessionLanes::Count kLanes = {.at_start = 1, .max = 2};

LinkTarget WithOptions(LinkTarget target, engine::WindowReserve& reserve) {
  const size_t lanes = target.node_context == nullptr ? 1 : kLanes.max;
  target.options = ForwardLinkOptions(/*forwards=*/1, lanes, &reserve);
  return target;
}

}  // namespace

NativePort::NativePort(const Surroundings& surroundings, LinkTarget target, const ForwardSpec& spec)
    : is_sealed_(target.node_context != nullptr),
      events_(surroundings.events),
      lanes_(surroundings.loops, WithOptions(std::move(target), surroundings.reserve),
             Forward::RequestFor(spec), surroundings.lanes, kLanes,
             static_cast<SessionLanes::Events&>(*this)),
      forward_(surroundings.loops.home().loop(), spec, ConnectionsMax(1),
               [](const std::string&) {}) {
  forward_.set_on_connection([this] { OnLocalConnection(); });
}

NativePort::~NativePort() { CHECK(joined()); }

void NativePort::Start() { lanes_.Dial(); }

void NativePort::Stop() {
  is_stopped_ = true;
  forward_.Stop();
  lanes_.Close();
}

void NativePort::Abort() { lanes_.Abort(); }

void NativePort::OnLanesReady() {
  if (is_stopped_) return;
  if (absl::Status status = forward_.Listen(); !status.ok()) {
    is_stopped_ = true;
    return events_.OnNativeOver(Events::End::kCannotListen, TextOf(status));
  }
  is_open_ = true;
  const std::string& local = forward_.LocalText();
  if (forward_.spec().socket_path.empty()) {
    local_port_ = engine::ParsePort(local.substr(local.rfind(':') + 1)).value_or(0);
  }
  events_.OnNativeText(OpenedText(forward_.spec(), local, lanes_.session_id()) +
                       std::string(kWaitingText));
  forward_.Start(lanes_.lanes(), {});
}

void NativePort::OnLanesEnded(const LinkEnd& end) {
  forward_.Stop();
  if (std::exchange(is_stopped_, true)) return;
  if (!is_open_ && !is_sealed_) return events_.OnNativeUnavailable();
  events_.OnNativeOver(end.told ? Events::End::kEnded : Events::End::kCut, end.text);
}

void NativePort::OnLocalConnection() {
  if (is_stopped_ || std::exchange(was_accepted_, true)) return;
  events_.OnNativeText(MuxAcceptedText(lanes_.session_id()));
}

void NativePort::OnConnectionRefused(engine::CloseCode, std::string_view) {
  if (!is_stopped_) events_.OnNativeText(std::string(kPortErrorText));
}

void NativePort::OnConnectionNotTaken(size_t lane, LocalConnection connection) {
  forward_.OnConnectionNotTaken(lane, connection);
}

void NativePort::OnConnectionOver(size_t lane) { forward_.OnConnectionOver(lane); }

}  // namespace client
