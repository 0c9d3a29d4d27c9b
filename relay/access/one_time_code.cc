#include "relay/access/one_time_code.h"

#include <array>

#include "engine/crypto/constant_time.h"
#include "engine/crypto/digest.h"

namespace relay {
namespace {

using engine::AsBytes;

constexpr uint32_t kCodes = 1'000'000;
constexpr size_t kDigits = 6;

bool IsCode(engine::ByteView seed, std::string_view code, int64_t step) {
  const std::string right = OneTimeCode(seed, step);
  return engine::crypto::ConstantTimeEqual(AsBytes(right), AsBytes(code));
}

int64_t StepAt(int64_t now_unix_ms) { return now_unix_ms / 1000 / kCodeStepSeconds; }

}  // namespace

std::string OneTimeCode(engine::ByteView seed, int64_t step) {
  std::array<std::byte, 8> counter;
  for (size_t i = 0; i < counter.size(); ++i) {
    counter[i] = static_cast<std::byte>(static_cast<uint64_t>(step) >> (56 - 8 * i));
  }
  const engine::crypto::Sha1Digest mac = engine::crypto::HmacSha1(seed, counter);
  // RFC 4226, 5.3: the last four bits say where the number begins.
  const size_t offset = static_cast<size_t>(mac.back()) & 0xF;
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = number << 8 | static_cast<uint32_t>(mac[offset + i]);
  std::string digits = std::to_string((number & 0x7FFF'FFFF) % kCodes);
  return std::string(kDigits - digits.size(), '0') + digits;
}

std::optional<int64_t> FindCodeStep(engine::ByteView seed, std::string_view code,
                                    int64_t now_unix_ms, int64_t last_step) {
  const int64_t now = StepAt(now_unix_ms);
  for (int64_t step = now - kCodeStepsOff; step <= now + kCodeStepsOff; ++step) {
    if (step > last_step && IsCode(seed, code, step)) return step;
  }
  return std::nullopt;
}

std::optional<int64_t> FindCodePair(engine::ByteView seed, std::string_view first,
                                    std::string_view second, int64_t now_unix_ms) {
  const int64_t now = StepAt(now_unix_ms);
  for (int64_t step = now - kEnableStepsOff; step <= now + kCodeStepsOff; ++step) {
    if (IsCode(seed, first, step) && IsCode(seed, second, step + 1)) return step + 1;
  }
  return std::nullopt;
}

absl::StatusOr<bool> UseMfaCode(IamStore& store, std::string_view user_id,
                                std::string_view serial_number, std::string_view code,
                                int64_t now_unix_ms) {
  absl::StatusOr<IamMfaDevice> device = store.FindMfaDevice(serial_number);
  if (absl::IsNotFound(device.status())) return false;
  if (!device.ok()) return device.status();
  if (device->user_id.empty() || device->user_id != user_id) return false;
  const std::optional<int64_t> step =
      FindCodeStep(AsBytes(device->seed), code, now_unix_ms, device->last_step);
  if (!step.has_value()) return false;
  device->last_step = *step;
  if (absl::Status status = store.UpdateMfaDevice(*device); !status.ok()) return status;
  return true;
}

}  // namespace relay
