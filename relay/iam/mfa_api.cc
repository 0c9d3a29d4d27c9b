// Virtual MFA devices.

#include <array>
#include <utility>

#include "engine/crypto/base64.h"
#include "engine/crypto/random_bytes.h"
#include "relay/access/one_time_code.h"
#include "relay/iam/credentials_api.h"
#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using engine::AsBytes;
using Json = nlohmann::json;

constexpr size_t kNameSizeMax = 226;
constexpr size_t kSerialSizeMin = 9;
constexpr size_t kSerialSizeMax = 256;
constexpr size_t kCodeSize = 6;

// Base32 writes whole groups of five bytes as RFC 4648 has it.
std::string Base32(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  uint64_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(c);
    for (count += 8; count >= 5; count -= 5) out.push_back(kDigits[bits >> (count - 5) & 31]);
  }
  return out;
}
static_assert(kMfaSeedSize % 5 == 0);

ApiError NoDevice(const std::string& serial) {
  return NoSuchEntity("VirtualMFADevice with serial number " + serial + " doesn't exist.");
}

Found<IamMfaDevice> FindDevice(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string serial = input.Text("SerialNumber", kSerialSizeMin, kSerialSizeMax);
  if (input.error().has_value()) return *input.error();
  absl::StatusOr<IamMfaDevice> device = context.store.Iam().FindMfaDevice(serial);
  if (absl::IsNotFound(device.status())) return NoDevice(serial);
  if (!device.ok()) return ToError(device.status());
  return *std::move(device);
}

struct DeviceOfUser {
  IamMfaDevice device;
  IamEntity user;
};
Found<DeviceOfUser> FindDeviceAndUser(ApiContext& context, ApiCall& call) {
  Found<IamEntity> user = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&user)) return std::move(*error);
  Found<IamMfaDevice> device = FindDevice(context, call);
  if (auto* error = std::get_if<ApiError>(&device)) return std::move(*error);
  return DeviceOfUser{std::get<IamMfaDevice>(std::move(device)),
                      std::get<IamEntity>(std::move(user))};
}

// Prove takes two codes that follow one another, and keeps the device as it is then.
ApiOutcome Prove(ApiContext& context, ApiCall& call, IamMfaDevice device) {
  IamInput input(call.input);
  const std::string first = input.Text("AuthenticationCode1", kCodeSize, kCodeSize);
  const std::string second = input.Text("AuthenticationCode2", kCodeSize, kCodeSize);
  if (input.error().has_value()) return input.error();
  const auto step = FindCodePair(AsBytes(device.seed), first, second, call.now_unix_ms);
  if (!step.has_value()) {
    return ApiError{"InvalidAuthenticationCode",
                    "Authentication code for device is not valid: give two that follow one "
                    "another, and check the clock of the device.",
                    403};
  }
  device.last_step = *step;
  if (absl::Status status = context.store.Iam().UpdateMfaDevice(device); !status.ok()) {
    return ToError(status);
  }
  return std::nullopt;
}

}  // namespace

ApiOutcome CreateVirtualMfaDevice(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  IamMfaDevice device = {.name = input.Name("VirtualMFADeviceName", kNameSizeMax),
                         .path = input.Path()};
  const std::vector<IamTag> tags = input.Tags();
  if (input.error().has_value()) return input.error();
  // With a longer one no call could name the device again.
  const std::string serial = device.SerialNumber();
  if (serial.size() > kSerialSizeMax) {
    return Invalid("The serial number of the device would have " + std::to_string(serial.size()) +
                   " characters, and may have " + std::to_string(kSerialSizeMax) +
                   ". Give it a shorter path or name.");
  }
  const absl::StatusOr<IamCounts> counts = store.Count();
  if (!counts.ok()) return ToError(counts.status());
  if (counts->mfa_devices >= kMfaDevicesMax) {
    return LimitExceeded("Cannot exceed quota for MFADevices: " + std::to_string(kMfaDevicesMax));
  }
  std::array<std::byte, kMfaSeedSize> seed;
  engine::crypto::FillRandom(seed);
  device.seed = std::string(engine::AsText(seed));
  absl::Status status = store.AddMfaDevice(device);
  if (absl::IsAlreadyExists(status)) {
    return AlreadyExists("MFADevice entity at the same path and name already exists.");
  }
  for (const IamTag& tag : tags) {
    if (status.ok()) status = store.PutTag(serial, tag);
  }
  if (!status.ok()) return ToError(status);
  const std::string seed_text = Base32(device.seed);
  Json& answer = call.output["VirtualMFADevice"] = {
      {"SerialNumber", serial},
      {"Base32StringSeed", engine::crypto::EncodeBase64(AsBytes(seed_text))}};
  if (!tags.empty()) answer["Tags"] = TagsJson(tags);
  call.audit.response_elements =
      Json({{"serialNumber", serial}, {"base32StringSeed", kHiddenValue}}).dump();
  return std::nullopt;
}

ApiOutcome DeleteVirtualMfaDevice(ApiContext& context, ApiCall& call) {
  Found<IamMfaDevice> found = FindDevice(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamMfaDevice& device = std::get<IamMfaDevice>(found);
  if (!device.user_id.empty()) {
    return DeleteConflict("MFA VirtualDevice in use. Must deactivate first.");
  }
  const absl::Status status = context.store.Iam().DeleteMfaDevice(device.SerialNumber());
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

ApiOutcome ListVirtualMfaDevices(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  const std::string which = input.Choice("AssignmentStatus", {"Any", "Assigned", "Unassigned"});
  const PageWish wish = input.Page("VirtualMFADevices");
  if (input.error().has_value()) return input.error();
  const auto devices = store.ListMfaDevices(std::nullopt);
  if (!devices.ok()) return ToError(devices.status());
  std::vector<PageItem> items;
  for (const IamMfaDevice& device : *devices) {
    const bool is_assigned = !device.user_id.empty();
    if (which != "Any" && is_assigned != (which == "Assigned")) continue;
    Json json = {{"SerialNumber", device.SerialNumber()}};
    if (is_assigned) {
      const absl::StatusOr<IamEntity> user = store.FindEntityById(device.user_id);
      if (!user.ok()) return ToError(user.status());
      json["User"] = EntityJson(*user, nullptr);
      json["EnableDate"] = IsoTime(device.enabled_unix_ms);
    }
    items.push_back({device.SerialNumber(), std::move(json)});
  }
  WritePage(call, "VirtualMFADevices", "VirtualMFADevices", wish, std::move(items));
  return std::nullopt;
}

ApiOutcome EnableMfaDevice(ApiContext& context, ApiCall& call) {
  Found<DeviceOfUser> found = FindDeviceAndUser(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  auto& [device, user] = std::get<DeviceOfUser>(found);
  if (!device.user_id.empty()) return AlreadyExists("MFADevice is already in use.");
  const auto devices = context.store.Iam().ListMfaDevices(user.id);
  if (!devices.ok()) return ToError(devices.status());
  if (devices->size() >= kMfaDevicesOfUserMax) {
    return LimitExceeded("Cannot exceed quota for MFADevicesPerUser: " +
                         std::to_string(kMfaDevicesOfUserMax));
  }
  device.user_id = user.id;
  device.enabled_unix_ms = call.now_unix_ms;
  return Prove(context, call, device);
}

ApiOutcome ResyncMfaDevice(ApiContext& context, ApiCall& call) {
  Found<DeviceOfUser> found = FindDeviceAndUser(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const auto& [device, user] = std::get<DeviceOfUser>(found);
  if (device.user_id != user.id) return NoDevice(device.SerialNumber());
  return Prove(context, call, device);
}

ApiOutcome DeactivateMfaDevice(ApiContext& context, ApiCall& call) {
  Found<DeviceOfUser> found = FindDeviceAndUser(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  auto& [device, user] = std::get<DeviceOfUser>(found);
  if (device.user_id != user.id) return NoDevice(device.SerialNumber());
  device.user_id.clear();
  device.enabled_unix_ms = 0;
  const absl::Status status = context.store.Iam().UpdateMfaDevice(device);
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

ApiOutcome ListMfaDevices(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const PageWish wish = input.Page("MFADevices");
  if (input.error().has_value()) return input.error();
  Found<IamEntity> found = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamEntity& user = std::get<IamEntity>(found);
  const auto devices = context.store.Iam().ListMfaDevices(user.id);
  if (!devices.ok()) return ToError(devices.status());
  std::vector<PageItem> items;
  for (const IamMfaDevice& device : *devices) {
    items.push_back({device.SerialNumber(),
                     {{"UserName", user.name},
                      {"SerialNumber", device.SerialNumber()},
                      {"EnableDate", IsoTime(device.enabled_unix_ms)}}});
  }
  WritePage(call, "MFADevices", "MFADevices", wish, std::move(items));
  return std::nullopt;
}

ApiOutcome GetMfaDevice(ApiContext& context, ApiCall& call) {
  Found<IamMfaDevice> found = FindDevice(context, call);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamMfaDevice& device = std::get<IamMfaDevice>(found);
  IamInput input(call.input);
  const std::string wanted = input.NameIfAny("UserName");
  if (input.error().has_value()) return input.error();
  call.output["SerialNumber"] = device.SerialNumber();
  std::string name;
  if (!device.user_id.empty()) {
    const absl::StatusOr<IamEntity> user = context.store.Iam().FindEntityById(device.user_id);
    if (!user.ok()) return ToError(user.status());
    name = user->name;
    call.output["UserName"] = name;
    call.output["EnableDate"] = IsoTime(device.enabled_unix_ms);
  }
  if (!wanted.empty() && wanted != name) return NoDevice(device.SerialNumber());
  return std::nullopt;
}

}  // namespace relay::iam
