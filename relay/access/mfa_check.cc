#include "relay/access/mfa_check.h"

#include <algorithm>

#include "absl/status/status.h"
#include "engine/base/bytes.h"
#include "engine/base/log.h"
#include "relay/access/one_time_code.h"
#include "relay/store/iam_store.h"
#include "relay/store/store.h"

namespace relay {
namespace {

ApiError Wrong() {
  return {"AccessDeniedException",
          "MultiFactorAuthentication failed with invalid MFA one time pass code.", 403};
}

ApiError Closed() {
  return {"AccessDeniedException",
          "MultiFactorAuthentication failed: too many codes were wrong. Wait a quarter of an hour, "
          "check "
          "the clock of the device and of the relay, and try the code that it shows then.",
          403};
}

ApiError Failed(const absl::Status& status) {
  engine::log::Write(engine::log::Level::kError, "store_failed",
                     {{"at", "mfa"}, {"why", status.ToString()}});
  return StoreFailure();
}

}  // namespace

std::optional<ApiError> MfaCheck::Check(Store& store, std::string_view user_id,
                                        std::string_view serial_number, std::string_view code,
                                        int64_t now_unix_ms) {
  absl::StatusOr<IamMfaDevice> device = store.Iam().FindMfaDevice(serial_number);
  if (!device.ok() && !absl::IsNotFound(device.status())) return Failed(device.status());
  // Nothing is remembered of devices that are not there, or somebody else's.
  if (!device.ok() || device->user_id.empty() || device->user_id != user_id) return Wrong();
  MakeRoom(now_unix_ms);
  // By the device's own spelling: another one must not be tried anew.
  Known& known = known_[device->SerialNumber()];
  if (now_unix_ms - known.first_failure_unix_ms > kFailuresWindowMs) known.failures = 0;
  if (known.failures >= kFailuresMax) return Closed();
  known.last_step = std::max(known.last_step, device->last_step);
  const std::optional<int64_t> step =
      FindCodeStep(engine::AsBytes(device->seed), code, now_unix_ms, known.last_step);
  if (!step.has_value()) {
    if (known.failures++ == 0) known.first_failure_unix_ms = now_unix_ms;
    return Wrong();
  }
  known.failures = 0;
  known.last_step = *step;
  device->last_step = *step;
  if (absl::Status status = store.Iam().UpdateMfaDevice(*device); !status.ok()) {
    return Failed(status);
  }
  return std::nullopt;
}

void MfaCheck::MakeRoom(int64_t now_unix_ms) {
  if (known_.size() < kDevicesMax) return;
  const int64_t oldest_step = now_unix_ms / 1000 / kCodeStepSeconds - kCodeStepsOff;
  std::erase_if(known_, [&](const auto& entry) {
    return now_unix_ms - entry.second.first_failure_unix_ms > kFailuresWindowMs &&
           entry.second.last_step < oldest_step;
  });
}

}  // namespace relay
