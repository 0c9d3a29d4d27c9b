// Codes of virtual MFA devices: RFC 6238 with HMAC-SHA-1, six digits, a new one every 30 seconds.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/base/bytes.h"
#include "relay/store/iam_store.h"

namespace relay {

inline constexpr int64_t kCodeStepSeconds = 30;
inline constexpr size_t kMfaSeedSize = 20;
// Clocks of devices may be this many steps behind or ahead.
inline constexpr int64_t kCodeStepsOff = 1;
// Enabling a device looks further: it was set up a moment ago, and its two codes are typed slowly.
inline constexpr int64_t kEnableStepsOff = 4;

// OneTimeCode is the code of a time step, as it is shown: "012345".
std::string OneTimeCode(engine::ByteView seed, int64_t step);

// FindCodeStep returns the step of which `code` is, near `now`, but none up to `last_step`: a code
// counts once.
std::optional<int64_t> FindCodeStep(engine::ByteView seed, std::string_view code,
                                    int64_t now_unix_ms, int64_t last_step);

// FindCodePair returns the step of the second of two codes that follow one another.
std::optional<int64_t> FindCodePair(engine::ByteView seed, std::string_view first,
                                    std::string_view second, int64_t now_unix_ms);

// UseMfaCode is true when the code proves that the user has the device, which is enabled for him;
// then it is used up. An error: the store does not work.
absl::StatusOr<bool> UseMfaCode(IamStore& store, std::string_view user_id,
                                std::string_view serial_number, std::string_view code,
                                int64_t now_unix_ms);

}  // namespace relay
