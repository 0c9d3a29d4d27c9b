#include "client/plugin/native_attempts.h"

#include <algorithm>
#include <utility>

#include "client/environment.h"
#include "client/say.h"

namespace client {
namespace {

absl::StatusOr<engine::HttpResponse> ToResponse(engine::CallResult result) {
  if (result.kind == engine::CallResult::Kind::kResponse) return std::move(result.response);
  return absl::UnavailableError(Printable(result.text));
}

// What waits for its answer is not called from here.
absl::StatusOr<engine::HttpResponse> CallNothing(const engine::HttpRequest&) {
  return absl::UnimplementedError("no call waits here");
}

}  // namespace

NativeAttempts::NativeAttempts(engine::LoopDriver& driver, const engine::TlsContext& context,
                               engine::HostPort relay, NativePlan plan, NativePort::Events& events)
    : driver_(driver),
      relay_(std::move(relay)),
      plan_(std::move(plan)),
      events_(events),
      calls_(driver, context, relay_),
      api_(CallNothing, engine::FormatHostPort(relay_), plan_.credentials, UnixNow),
      lanes_(calls_, api_, ToResponse),
      known_nodes_(plan_.config_folder),
      seal_(calls_, api_, known_nodes_, plan_.target),
      loops_(driver, plan_.worker_options) {}

void NativeAttempts::Start(const SessionTicket& ticket) {
  if (!ports_.empty()) {
    const NativePort& last = *ports_.back();
    // The port that was taken is kept.
    if (plan_.spec.local_port == 0) plan_.spec.local_port = last.local_port();
    if (last.sealed() && !last.opened()) may_seal_ = false;
  }
  std::erase_if(ports_, [](const auto& port) { return port->joined(); });
  if (!may_seal_) return Dial(TargetOf(ticket));
  seal_.Ask(ticket, plan_.patience_max > std::chrono::seconds::zero(),
            [this, ticket](absl::StatusOr<SecuredSession> session) {
              OnSealed(ticket, std::move(session));
            });
}

void NativeAttempts::OnSealed(const SessionTicket& ticket, absl::StatusOr<SecuredSession> session) {
  if (is_stopped_) return;
  if (absl::IsUnimplemented(session.status())) return Dial(TargetOf(ticket));
  if (!session.ok()) {
    return events_.OnNativeOver(NativePort::Events::End::kRefused, TextOf(session.status()));
  }
  LinkTarget target = TargetOf(ticket);
  target.ticket = std::move(session->ticket);
  target.node_context = std::move(session->node_context);
  if (!session->rejoin_key.empty()) {
    lanes_.KeepKey(session->id, std::move(session->rejoin_key));
    target.patience = Patience(plan_.patience_max, session->duration_max, driver_.loop().Now());
  }
  Dial(std::move(target));
}

LinkTarget NativeAttempts::TargetOf(const SessionTicket& ticket) const {
  return {.relay = relay_,
          .ca_pem = plan_.trust.authority_pem,
          .ca_files = plan_.trust.lists,
          .node_label = plan_.target,
          .session_id = ticket.session_id,
          .ticket = {.token = ticket.token, .loop = 0},
          .node_context = nullptr,
          .wrapped = false,
          .clock = {},
          .options = {}};
}

void NativeAttempts::Dial(LinkTarget target) {
  ports_.push_back(std::make_unique<NativePort>(
      NativePort::Surroundings{
          .loops = loops_, .lanes = lanes_, .reserve = reserve_, .events = events_},
      std::move(target), plan_.spec));
  ports_.back()->Start();
}

void NativeAttempts::Stop() {
  is_stopped_ = true;
  seal_.Cancel();
  for (const auto& port : ports_) port->Stop();
}

void NativeAttempts::Abort() {
  for (const auto& port : ports_) port->Abort();
}

bool NativeAttempts::joined() const {
  return !seal_.asking() &&
         std::ranges::all_of(ports_, [](const auto& port) { return port->joined(); });
}

}  // namespace client
