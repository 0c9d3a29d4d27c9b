#include "relay/access/session_watch.h"

#include <utility>
#include <vector>

#include "engine/base/log.h"

namespace relay {

void SessionWatch::Watch(std::string session_id, AccessCase asked) {
  // Revision 0 is none: it is looked at once by the next Tick, in case IAM changed since it was
  // asked, and to learn whether time matters to it.
  store_.AfterCommit([this, id = std::move(session_id), asked = std::move(asked)]() mutable {
    watched_[std::move(id)] = Watched{std::move(asked)};
  });
}

const AccessCase* SessionWatch::Find(std::string_view session_id) const {
  const auto found = watched_.find(std::string(session_id));
  return found == watched_.end() ? nullptr : &found->second.asked;
}

absl::StatusOr<std::optional<std::string>> SessionWatch::Ask(std::string_view session_id,
                                                             int64_t now_unix_ms) {
  const auto found = watched_.find(std::string(session_id));
  if (found == watched_.end()) return absl::NotFoundError("the session is not watched");
  const Watched& watched = found->second;
  AccessCase again = watched.asked;
  absl::Status status = authoriser_.ReadTags(again.question);
  if (status.ok()) {
    absl::StatusOr<Authoriser::Outcome> outcome = authoriser_.CheckAgain(again, now_unix_ms);
    if (outcome.ok()) return std::move(outcome->lost);
    status = outcome.status();
  }
  const bool is_known = watched.revision == store_.Iam().revision() && !watched.depends_on_time;
  if (is_known) return std::nullopt;
  return status;
}

std::optional<std::string> SessionWatch::Decide(Watched& watched, int64_t now_unix_ms) {
  const uint64_t revision = store_.Iam().revision();
  const bool is_new = watched.revision != revision;
  if (!is_new && !watched.depends_on_time) return std::nullopt;
  absl::Status status;
  if (is_new) status = authoriser_.ReadTags(watched.asked.question);
  absl::StatusOr<Authoriser::Outcome> outcome;
  if (status.ok()) {
    outcome = authoriser_.CheckAgain(watched.asked, now_unix_ms);
    status = outcome.status();
  }
  if (!status.ok()) {
    engine::log::Write(engine::log::Level::kError, "store_failed",
                       {{"at", "session_watch"}, {"why", status.ToString()}});
    return std::nullopt;
  }
  watched.revision = revision;
  watched.depends_on_time = outcome->depends_on_time;
  return outcome->lost;
}

void SessionWatch::Tick(int64_t now_unix_ms, const IsLive& is_live, const End& end) {
  // A clock that was set back must not stop the watch.
  if (now_unix_ms < next_unix_ms_ && next_unix_ms_ - now_unix_ms <= kIntervalMs) return;
  next_unix_ms_ = now_unix_ms + kIntervalMs;
  std::vector<std::pair<std::string, std::string>> lost;
  for (auto it = watched_.begin(); it != watched_.end();) {
    if (!is_live(it->first)) {
      it = watched_.erase(it);
      continue;
    }
    if (const std::optional<std::string> why = Decide(it->second, now_unix_ms)) {
      lost.emplace_back(it->first, "The permission for this session has ended: " + *why);
    }
    ++it;
  }
  for (const auto& [id, reason] : lost) end(id, reason);
}

}  // namespace relay
