#include "tests/sim/crowd.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/log.h"
#include "engine/platform/wall_clock.h"
#include "engine/wire/control.h"
#include "tests/sim/machine_clock.h"
#include "tests/sim/session_asker.h"
#include "tests/sim/world_keys.h"

namespace sim {

Crowd::Crowd(Witness& witness)
    : witness_(witness),
      api_(
          [this](engine::HttpRequest request) -> absl::StatusOr<engine::HttpResponse> {
            asked_ = std::move(request);
            return absl::UnavailableError("it is on its way");
          },
          engine::FormatHostPort(RelayAt()), SessionAsker::UserCredentials(), engine::UnixNow) {}

engine::HttpRequest Crowd::SessionRequest() {
  client::SessionWish wish;
  wish.target = kNodeId;
  wish.reason = "to be number " + std::to_string(++asked_count_);
  wish.may_rejoin = true;
  wish.client_key = std::string(64, 'a');  // An inspected one would go on without lanes.
  static_cast<void>(api_.StartSession(wish));
  return *std::exchange(asked_, std::nullopt);
}

void Crowd::AskForSessions(RelayProcess& relay, engine::Instant now) {
  again_at_ = now + kOverAfter;
  AskMany(relay, [this] { return SessionRequest(); }, kSessions, {"sessions", kNodeSessionsMax});
}

void Crowd::AskForLanes(RelayProcess& relay, const std::string& session_id) {
  AskMany(relay, [this, session_id] { return api_.OpenLaneRequest(session_id); }, kLanes,
          {"lanes", engine::kLanesMax});
}

void Crowd::AskMany(RelayProcess& relay, const std::function<engine::HttpRequest()>& request,
                    size_t count, const Burst& burst) {
  MachineClock::Enter(kRelayHost);  // Whose time it is signed at.
  const auto shared = std::make_shared<Burst>(burst);
  for (size_t i = 0; i < count; ++i) {
    relay.Ask(request(),
              [this, shared](const engine::HttpResponse& response) { Hear(response, *shared); });
  }
}

void Crowd::Hear(const engine::HttpResponse& response, Burst& burst) {
  if (response.status == 200) {
    if (++burst.granted > burst.max) {
      witness_.Blame("more " + std::string(burst.what) + " were granted than there may be");
    }
    return;
  }
  const std::string reason = Reason(response);
  const auto says = [&](const char* text) { return reason.find(text) != std::string::npos; };
  // Not that of a desk that is busy.
  const bool is_offers_full = says("Rate exceeded") && response.status == 400;
  const bool is_node_full = says("as many sessions as it may");
  was_full_ |= is_offers_full || is_node_full;
  if (is_offers_full) witness_.Applied(Rule::kOffersFull);
  if (is_node_full) witness_.Applied(Rule::kSessionsFull);
  if (says("which is the maximum")) witness_.Applied(Rule::kLanesFull);
}

void Crowd::AskAgain(RelayProcess* relay) {
  again_at_ = engine::Instant::max();
  if (relay == nullptr || relay->is_leaving()) return;
  MachineClock::Enter(kRelayHost);
  is_waiting_ = true;
  relay->Ask(SessionRequest(), [this](const engine::HttpResponse& response) {
    is_waiting_ = false;
    if (was_full_) witness_.Applied(Rule::kRoomAgain);
    if (response.status != 200) {
      witness_.Blame("no session begins although others have ended: " + Reason(response));
    }
  });
}

std::string Crowd::Reason(const engine::HttpResponse& response) {
  const nlohmann::json answer = nlohmann::json::parse(response.body, nullptr, false);
  std::string reason;
  if (answer.is_object()) reason = answer.value("message", answer.value("Message", ""));
  engine::log::Write(engine::log::Level::kInfo, "crowd_refused", {{"why", reason}});
  if (reason.empty()) witness_.Blame("it was refused without a reason: " + response.body);
  return reason;
}

}  // namespace sim
