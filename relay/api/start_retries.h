#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace relay {

// StartRetries knows which session came of which request, so that one whose answer was lost on its
// way does not stay behind: AWS's clients ask again under the same invocation id, with another
// attempt's number. Sessions that nobody joins end by themselves; with this they end at once.
class StartRetries {
 public:
  // AWS's clients have given up by then.
  static constexpr int64_t kKeptMs = 120'000;
  static constexpr size_t kRequestsMax = 10'000;

  // IsLate says whether a later attempt of the request has come already: nobody waits for the
  // answer to this one.
  bool IsLate(const std::string& request, uint32_t attempt, int64_t now_unix_ms) const {
    const auto found = requests_.find(request);
    return found != requests_.end() && attempt < found->second.attempt &&
           now_unix_ms < found->second.until_unix_ms;
  }

  // Note keeps that a session came of this attempt of a request, and returns the one of an earlier
  // attempt.
  std::optional<std::string> Note(const std::string& request, uint32_t attempt,
                                  const std::string& session_id, int64_t now_unix_ms) {
    if (requests_.size() >= kRequestsMax) Forget(now_unix_ms);
    const auto [found, is_new] = requests_.try_emplace(request);
    Known& known = found->second;
    if (!is_new && attempt <= known.attempt) return std::nullopt;
    std::string earlier = std::exchange(known.session_id, session_id);
    const bool is_kept = !is_new && now_unix_ms < known.until_unix_ms;
    known.attempt = attempt;
    known.until_unix_ms = now_unix_ms + kKeptMs;
    if (!is_kept) return std::nullopt;
    return earlier;
  }

  size_t size() const { return requests_.size(); }

 private:
  struct Known {
    uint32_t attempt = 0;
    std::string session_id;
    int64_t until_unix_ms = 0;
  };

  // What is in time and too much is forgotten, too: then a session ends a little later.
  void Forget(int64_t now_unix_ms) {
    std::erase_if(requests_, [now_unix_ms](const auto& each) {
      return now_unix_ms >= each.second.until_unix_ms;
    });
    if (requests_.size() >= kRequestsMax) requests_.clear();
  }

  std::map<std::string, Known> requests_;
};

}  // namespace relay
