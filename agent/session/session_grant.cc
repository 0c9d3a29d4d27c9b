#include "agent/session/session_grant.h"

#include <chrono>

#include "engine/base/log.h"

namespace agent {

using engine::CloseCode;

SessionGrant::SessionGrant(const engine::SessionOffer& offer, RelayOutbox& outbox,
                           engine::Instant now)
    : plan_(engine::PlanOf(offer)),
      names_{offer.session_id, offer.principal, offer.run_as},
      what_(engine::Describe(plan_)),
      idle_seconds_max_(offer.idle_seconds_max),
      outbox_(outbox),
      idle_(offer.idle_seconds_max, now),
      open_rate_(now) {}

SessionGrant::Admitted SessionGrant::Admit(std::string_view request, engine::Instant now) {
  const std::lock_guard lock(mutex_);
  Admitted out;
  if (!open_rate_.Take(now)) {
    out.open.code = CloseCode::kTooMany;
    out.open.text = "streams are opened too fast; try again soon";
    return out;
  }
  if (!outbox_.HasRoomForStream()) {
    out.open.code = CloseCode::kTooMany;
    out.open.text = "the node cannot report another stream to its relay yet; try again soon";
    return out;
  }
  out.open = engine::CheckOpen(plan_, names_, request);
  if (out.open.code != CloseCode::kNormal) {
    engine::log::Write(engine::log::Level::kWarning, "open_refused",
                       {{"session", session_id()}, {"code", engine::CloseCodeName(out.open.code)}});
    return out;
  }
  if (stream_count_ >= engine::kSessionStreamsMax) {
    out.open.code = CloseCode::kTooMany;
    out.open.text = "the session has as many streams as one may have; close some";
    return out;
  }
  ++stream_count_;
  out.serial = next_serial_++;
  engine::StreamNews news;
  news.session_id = session_id();
  news.serial = out.serial;
  news.what = what_;
  outbox_.Push(news);
  return out;
}

void SessionGrant::StreamOver(uint32_t serial, CloseCode code, const Account& account) {
  const std::lock_guard lock(mutex_);
  --stream_count_;
  engine::StreamNews news;
  news.session_id = session_id();
  news.serial = serial;
  news.is_closed = true;
  news.what = what_;
  news.outcome = engine::CloseCodeName(code);
  news.to_node_bytes = account.to_node_bytes;
  news.from_node_bytes = account.from_node_bytes;
  news.duration_ms = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(account.duration).count());
  outbox_.Push(news);
}

}  // namespace agent
