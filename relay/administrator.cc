#include "relay/administrator.h"

#include <optional>
#include <string>

#include "relay/store/iam_store.h"
#include "relay/store/identifiers.h"

namespace relay {
namespace {

// Each calls `action` with every element, until one fails.
template <class List, class Action>
absl::Status ForAll(const absl::StatusOr<List>& list, Action action) {
  if (!list.ok()) return list.status();
  for (const auto& element : *list) {
    if (absl::Status status = action(element); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status DeleteUser(IamStore& iam, const IamEntity& user) {
  absl::Status status = ForAll(iam.ListAccessKeys(user.id), [&](const AccessKeyFacts& key) {
    return iam.DeleteAccessKey(key.id);
  });
  if (status.ok()) {
    status = ForAll(iam.ListMfaDevices(user.id), [&](const IamMfaDevice& device) {
      return iam.DeleteMfaDevice(device.SerialNumber());
    });
  }
  if (status.ok()) {
    status = ForAll(iam.ListGroupsOf(user.id),
                    [&](const IamEntity& group) { return iam.RemoveMember(group.id, user.id); });
  }
  if (status.ok()) {
    status = ForAll(iam.ListInlinePolicies(user.id), [&](const IamInlinePolicy& policy) {
      return iam.DeleteInlinePolicy(user.id, policy.name);
    });
  }
  if (status.ok()) {
    status = ForAll(iam.ListAttached(user.id),
                    [&](const std::string& arn) { return iam.Detach(user.id, arn); });
  }
  return status.ok() ? iam.DeleteEntity(user.id) : status;
}

}  // namespace

absl::StatusOr<AccessKey> MakeAdministrator(SqliteStore& store, int64_t now_unix_ms) {
  IamStore& iam = store.Iam();
  const absl::StatusOr<IamEntity> before = iam.FindEntity(IamKind::kUser, kAdministrator);
  if (!before.ok() && !absl::IsNotFound(before.status())) return before.status();
  absl::Status status = before.ok() ? DeleteUser(iam, *before) : absl::OkStatus();
  const IamEntity user{.kind = IamKind::kUser,
                       .id = NewIamId("AIDA"),
                       .name = std::string(kAdministrator),
                       .created_unix_ms = now_unix_ms};
  if (status.ok()) status = iam.AddEntity(user);
  if (status.ok()) status = iam.Attach(user.id, kAdministratorPolicy);
  if (!status.ok()) return status;
  AccessKey key{.id = NewAccessKeyId(),
                .user_id = user.id,
                .user_name = user.name,
                .principal = user.Arn(),
                .secret = NewAccessKeySecret(),
                .created_unix_ms = now_unix_ms};
  if (status = store.AddAccessKey(key); !status.ok()) return status;
  return key;
}

}  // namespace relay
