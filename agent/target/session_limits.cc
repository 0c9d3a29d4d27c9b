#include "agent/target/session_limits.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "engine/loop/loop.h"
#include "engine/wire/session_plan.h"

namespace agent {
namespace {

using engine::CloseCode;
using engine::Instant;

struct Named {
  std::string session_id;
  engine::StreamLimits limits;
};

Named NamesOf(const engine::OpenRequest& request) {
  return std::visit(
      [](const auto& wanted) {
        Named named{.session_id = wanted.session_id, .limits = {}};
        if constexpr (requires { wanted.limits; }) named.limits = wanted.limits;
        return named;
      },
      request);
}

Instant After(Instant now, uint32_t seconds) {
  if (seconds == 0) return Instant::max();
  return now + std::chrono::seconds(seconds) + SessionLimits::kGrace;
}

}  // namespace

// Session is the clock of all streams of one session.
class SessionLimits::Session final : public StreamMeter::Owner {
 public:
  Session(SessionLimits& limits, std::string id) : limits_(limits), id_(std::move(id)) {}
  ~Session() { CHECK(meters_.empty()); }

  std::unique_ptr<StreamMeter> Watch(engine::StreamId stream, const engine::StreamLimits& limits,
                                     Instant now) {
    idle_seconds_ = limits.idle_seconds_max;
    end_at_ = After(now, limits.seconds_max);
    heard_at_ = now;
    auto meter = std::make_unique<StreamMeter>(*this, static_cast<uint32_t>(stream), now);
    meters_.push_back(meter.get());
    return meter;
  }

  // Due is why the session is over; empty: it is not.
  std::string Due(Instant now) const {
    if (now >= After(heard_at_, idle_seconds_)) return engine::IdleText(idle_seconds_);
    return now >= end_at_ ? std::string(engine::kDurationText) : std::string();
  }

  void End(const std::string& why) {
    SayEnded(why);
    while (!meters_.empty()) {
      StreamMeter* meter = meters_.back();
      limits_.link_.Reset(engine::StreamId{meter->serial()}, CloseCode::kSessionEnded, why);
      meter->Cut(CloseCode::kSessionEnded, why);
    }
  }

  bool empty() const { return meters_.empty(); }

 private:
  void OnStreamBytes(size_t, size_t) override { heard_at_ = limits_.loop_.Now(); }
  void OnStreamOver(const StreamMeter& meter, CloseCode code, std::string_view text) override {
    if (code == CloseCode::kSessionEnded) SayEnded(text);
    std::erase(meters_, &meter);
    if (meters_.empty()) limits_.emptied_.push_back(id_);
  }
  // SayEnded tells whoever looks after the node why, once for all streams.
  void SayEnded(std::string_view why) {
    if (why.empty() || std::exchange(is_ended_, true)) return;
    engine::log::Write(engine::log::Level::kInfo, "session_ended",
                       {{"session", id_}, {"reason", why}});
  }

  SessionLimits& limits_;
  const std::string id_;
  uint32_t idle_seconds_ = 0;
  Instant end_at_ = Instant::max();
  Instant heard_at_;
  std::vector<StreamMeter*> meters_;
  bool is_ended_ = false;
};

SessionLimits::SessionLimits(engine::Loop& loop, engine::Multiplexer& link)
    : loop_(loop), link_(link) {}

SessionLimits::~SessionLimits() = default;

std::unique_ptr<StreamMeter> SessionLimits::Watch(engine::StreamId id,
                                                  const engine::OpenRequest& request) {
  ForgetEmpty();
  const Named named = NamesOf(request);
  if (named.limits.idle_seconds_max == 0 && named.limits.seconds_max == 0) return nullptr;
  std::unique_ptr<Session>& session = sessions_[named.session_id];
  if (session == nullptr) session = std::make_unique<Session>(*this, named.session_id);
  return session->Watch(id, named.limits, loop_.Now());
}

void SessionLimits::EndDue(Instant now) {
  for (const auto& [id, session] : sessions_) {
    const std::string why = session->Due(now);
    if (!why.empty()) session->End(why);
  }
  ForgetEmpty();
}

void SessionLimits::ForgetEmpty() {
  for (const std::string& id : std::exchange(emptied_, {})) {
    const auto found = sessions_.find(id);
    if (found != sessions_.end() && found->second->empty()) sessions_.erase(found);
  }
}

}  // namespace agent
