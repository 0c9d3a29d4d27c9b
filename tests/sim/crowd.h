// Somebody else of the same user, who asks the relay for more than there may be at once: sessions
// that no client joins, and lanes of a session that runs. It alone is granted no more than all may
// have together, what is refused is refused with a reason, nobody who is there may notice, and when
// those are over there is room again. (Where exactly a maximum lies is for the broker's tests.)

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "client/api_client.h"
#include "engine/base/time.h"
#include "tests/sim/relay_process.h"
#include "tests/sim/witness.h"

namespace sim {

class Crowd {
 public:
  // The node of the world takes so many sessions; so many are asked for at once, which is more than
  // offers may wait for one node, too.
  static constexpr size_t kNodeSessionsMax = 24;
  static constexpr size_t kSessions = 70;
  static constexpr size_t kLanes = 20;  // More than a session may have.
  // By then those are over that nobody has joined.
  static constexpr engine::Duration kOverAfter = std::chrono::seconds(90);

  explicit Crowd(Witness& witness);

  void AskForLanes(RelayProcess& relay, const std::string& session_id);
  void AskForSessions(RelayProcess& relay, engine::Instant now);
  // AskAgain is due at again_at(): now one more is taken.
  engine::Instant again_at() const { return again_at_; }
  void AskAgain(RelayProcess* relay);
  // is_there is true until what AskAgain asked was answered.
  bool is_there() const { return is_waiting_ || again_at_ != engine::Instant::max(); }

 private:
  using Answered = std::function<void(const engine::HttpResponse& response)>;
  // What was asked for, and how much was granted; it outlives who asked.
  struct Burst {
    const char* what;
    size_t max = 0;
    size_t granted = 0;
  };

  engine::HttpRequest SessionRequest();
  // AskMany asks as often for what only so many are granted of.
  void AskMany(RelayProcess& relay, const std::function<engine::HttpRequest()>& request,
               size_t count, const Burst& burst);
  void Hear(const engine::HttpResponse& response, Burst& burst);
  // Reason blames who refuses without one.
  std::string Reason(const engine::HttpResponse& response);

  Witness& witness_;
  std::optional<engine::HttpRequest> asked_;
  client::ApiClient api_;
  size_t asked_count_ = 0;
  engine::Instant again_at_ = engine::Instant::max();
  bool is_waiting_ = false;
  bool was_full_ = false;  // Something was refused to it for want of room.
};

}  // namespace sim
