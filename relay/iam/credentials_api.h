// Access keys and MFA devices of users.

#pragma once

#include "relay/api/api_call.h"

namespace relay::iam {

// AWS's quotas.
inline constexpr size_t kAccessKeysMax = 2;
inline constexpr size_t kMfaDevicesOfUserMax = 8;
inline constexpr int64_t kMfaDevicesMax = 5'000;

ApiOutcome CreateAccessKey(ApiContext& context, ApiCall& call);
ApiOutcome UpdateAccessKey(ApiContext& context, ApiCall& call);
ApiOutcome DeleteAccessKey(ApiContext& context, ApiCall& call);
ApiOutcome ListAccessKeys(ApiContext& context, ApiCall& call);
ApiOutcome GetAccessKeyLastUsed(ApiContext& context, ApiCall& call);

ApiOutcome CreateVirtualMfaDevice(ApiContext& context, ApiCall& call);
ApiOutcome DeleteVirtualMfaDevice(ApiContext& context, ApiCall& call);
ApiOutcome ListVirtualMfaDevices(ApiContext& context, ApiCall& call);
// EnableMfaDevice gives a device to a user; ResyncMfaDevice is the same for one that he has, whose
// clock has drifted.
ApiOutcome EnableMfaDevice(ApiContext& context, ApiCall& call);
ApiOutcome ResyncMfaDevice(ApiContext& context, ApiCall& call);
ApiOutcome DeactivateMfaDevice(ApiContext& context, ApiCall& call);
ApiOutcome ListMfaDevices(ApiContext& context, ApiCall& call);
ApiOutcome GetMfaDevice(ApiContext& context, ApiCall& call);

}  // namespace relay::iam
