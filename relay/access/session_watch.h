// A session lives only while what allowed it does.
//
// What StartSession asked is kept with the session and asked again when IAM has changed, and where
// a policy looks at the time, every kIntervalMs. A session is looked at no later than that after
// its permission went.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "relay/access/access_case.h"
#include "relay/access/authorise.h"

namespace relay {

class SessionWatch {
 public:
  static constexpr int64_t kIntervalMs = 1'000;

  // Requires: both outlive it.
  SessionWatch(Store& store, Authoriser& authoriser) : store_(store), authoriser_(authoriser) {}

  // Watch keeps what a session was allowed by, once the caller's transaction is kept.
  void Watch(std::string session_id, AccessCase asked);

  // Find returns what a session was allowed by; null: it is not watched.
  const AccessCase* Find(std::string_view session_id) const;

  // Ask asks again whether it is allowed, now, and returns why it is not. Where the store cannot be
  // read, what was found last holds, unless it depends on the time. NotFound: it is not watched;
  // other errors: nobody knows.
  absl::StatusOr<std::optional<std::string>> Ask(std::string_view session_id, int64_t now_unix_ms);

  // Tick forgets sessions that `is_live` does not know, and calls `end` for those that are not
  // allowed any more, with the reason for people. While the store does not work, none is ended.
  // Call it with no transaction open, more often than kIntervalMs.
  using IsLive = std::function<bool(std::string_view session_id)>;
  using End = std::function<void(std::string_view session_id, std::string_view reason)>;
  void Tick(int64_t now_unix_ms, const IsLive& is_live, const End& end);

  size_t count() const { return watched_.size(); }

 private:
  struct Watched {
    AccessCase asked;
    uint64_t revision = 0;  // Of IAM, when it was decided last.
    bool depends_on_time = false;
  };
  // Decide returns why a session must end.
  std::optional<std::string> Decide(Watched& watched, int64_t now_unix_ms);

  Store& store_;
  Authoriser& authoriser_;
  std::unordered_map<std::string, Watched> watched_;
  int64_t next_unix_ms_ = 0;
};

}  // namespace relay
