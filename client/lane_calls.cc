#include "client/lane_calls.h"

#include <utility>

#include "client/api_client.h"
#include "engine/net/backoff.h"
#include "engine/net/resume_proof.h"
#include "engine/wire/protocol_names.h"

namespace client {

void LaneCalls::KeepKey(const std::string& session_id, std::string key) {
  rejoining_[session_id].key = std::move(key);
}

void LaneCalls::AskForLane(const std::string& session_id, Done done) {
  Ask(session_id, api_.OpenLaneRequest(session_id), 0, std::move(done),
      engine::SecureConnection::kConnectMax);
}

// AskToRejoin: credentials may have expired since, so the session's own key is the proof.
void LaneCalls::AskToRejoin(const std::string& session_id, uint32_t lane, Done done) {
  Rejoining& rejoining = rejoining_.at(session_id);
  const uint64_t epoch = ++rejoining.epoch;
  const std::string proof =
      engine::RejoinProof(engine::AsBytes(rejoining.key), session_id, lane, epoch);
  // What a way that was not there has swallowed is not waited for; every fourth call is for a way
  // that is merely long.
  const bool is_patient = epoch % 4 == 0;
  Ask(session_id, api_.RejoinRequest(session_id, lane, epoch, proof), epoch, std::move(done),
      is_patient ? engine::SecureConnection::kConnectMax : engine::Backoff::kEagerConnectMax);
}

void LaneCalls::Ask(const std::string& session_id, engine::HttpRequest request, uint64_t epoch,
                    Done done, engine::Duration connect_max) {
  const uint64_t number = ++asked_count_;
  const uint64_t call = calls_.Call(
      std::move(request),
      [this, number, epoch, done = std::move(done)](engine::CallResult result) {
        std::erase_if(asked_, [&](const Asked& asked) { return asked.number == number; });
        const auto response = read_(std::move(result));
        absl::StatusOr<LaneTicket> ticket =
            response.ok() ? api_.ReadOpenLane(*response) : response.status();
        if (ticket.ok()) ticket->epoch = epoch;
        // Who is refused for now asks again soon, and the relay has others to shake hands with.
        const bool asks_again = !ticket.ok() && CanRejoinLater(ticket.status());
        done(std::move(ticket));
        if (asked_.empty() && !asks_again) calls_.CloseKept();
      },
      {.connect_max = connect_max, .offer = engine::kLiveProtocol});
  asked_.push_back({.number = number, .session_id = session_id, .call = call});
}

void LaneCalls::HurryLanes(const std::string& session_id) {
  for (const Asked& asked : asked_) {
    if (asked.session_id == session_id) calls_.Cancel(asked.call);
  }
}

}  // namespace client
