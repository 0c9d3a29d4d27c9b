// Whether a user holds a device, now: a one-time code, taken once, with a limit to guessing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "relay/access/api_error.h"

namespace relay {

class Store;

// MfaCheck remembers, beside what the store does, which steps were used and how many codes were
// wrong: a call that is refused for another reason takes its changes to the store back, and must
// not give its code back.
class MfaCheck {
 public:
  // So many wrong codes for one device close it until kFailuresWindowMs after the first of them.
  // With three codes that count at a time, guessing one takes more than a year at an even chance,
  // and the user's access key.
  static constexpr int kFailuresMax = 5;
  static constexpr int64_t kFailuresWindowMs = 15 * 60 * 1000;
  // Devices of which something is remembered; past it, those whose window is over are forgotten.
  static constexpr size_t kDevicesMax = 10'000;

  // Check returns nothing when `code` is one of the user's enabled device now, which uses it up.
  // AccessDeniedException: it is not, in the same words whatever the reason is, but for a closed
  // device. Call it in the transaction of the call.
  std::optional<ApiError> Check(Store& store, std::string_view user_id,
                                std::string_view serial_number, std::string_view code,
                                int64_t now_unix_ms);

 private:
  struct Known {
    int64_t last_step = 0;
    int failures = 0;
    int64_t first_failure_unix_ms = 0;
  };
  void MakeRoom(int64_t now_unix_ms);

  std::unordered_map<std::string, Known> known_;
};

}  // namespace relay
