#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "relay/api/api_call.h"

namespace relay {

// AgentPolls are calls of original agents that wait for messages. There never are any; a poll that
// is answered at once is sent again at once (P28).
class AgentPolls {
 public:
  static constexpr int64_t kWaitMs = 20'000;
  static constexpr size_t kPollsMax = 20'000;  // Beyond, they are answered early, the oldest first.

  void Add(int64_t now_unix_ms, ApiResume resume) {
    waiting_.push_back({now_unix_ms + kWaitMs, std::move(resume)});
    if (waiting_.size() > kPollsMax) AnswerFirst(now_unix_ms);
  }

  void Tick(int64_t now_unix_ms) {
    while (!waiting_.empty() && waiting_.front().due_unix_ms <= now_unix_ms) {
      AnswerFirst(now_unix_ms);
    }
  }

  size_t size() const { return waiting_.size(); }

 private:
  struct Poll {
    int64_t due_unix_ms = 0;
    ApiResume resume;
  };

  void AnswerFirst(int64_t now_unix_ms) {
    const ApiResume resume = std::move(waiting_.front().resume);
    waiting_.pop_front();
    resume(now_unix_ms, [](ApiContext&, ApiCall&) -> ApiOutcome { return std::nullopt; });
  }

  std::deque<Poll> waiting_;
};

}  // namespace relay
