// What of the relay's answers is new to who follows the audit record.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/api_client.h"

namespace client {

class EventFollow {
 public:
  // `own_key` is the access key that the look-ups are signed with: they are events, too, and are
  // not shown.
  explicit EventFollow(std::string own_key) : own_key_(std::move(own_key)) {}

  // Take returns what to show of an answer, which has the newest event first: the oldest first, and
  // nothing that is older than what the first answer had. The first one is shown whole.
  std::vector<EventInfo> Take(std::vector<EventInfo> answer);

  // since is from when on the next look-up must ask, in Unix seconds; 0: of all time.
  int64_t since() const { return since_; }

 private:
  const std::string own_key_;
  std::set<std::string> seen_;  // Ids of the last answer, which the next one may have again.
  std::string oldest_;          // The id of the oldest event that was shown first.
  bool is_first_ = true;
  int64_t since_ = 0;
};

}  // namespace client
