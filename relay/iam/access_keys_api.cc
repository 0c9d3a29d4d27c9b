// Access keys of users.

#include <utility>

#include "relay/iam/credentials_api.h"
#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/store/identifiers.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

using Json = nlohmann::json;

constexpr size_t kKeyIdSizeMax = 128;

const char* StatusText(bool is_active) { return is_active ? "Active" : "Inactive"; }

ApiError NoKey(const std::string& id) {
  return NoSuchEntity("The Access Key with id " + id + " cannot be found.");
}

// FindKey finds the access key that the request names, of the user that it names, or of the caller.
Found<AccessKeyFacts> FindKey(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string id = input.Text("AccessKeyId", 16, kKeyIdSizeMax);
  if (input.error().has_value()) return *input.error();
  Found<IamEntity> user = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&user)) return std::move(*error);
  absl::StatusOr<AccessKeyFacts> key = context.store.Iam().FindAccessKeyFacts(id);
  if (!key.ok() && !absl::IsNotFound(key.status())) return ToError(key.status());
  if (!key.ok() || key->user_id != std::get<IamEntity>(user).id) return NoKey(id);
  return *std::move(key);
}

}  // namespace

ApiOutcome CreateAccessKey(ApiContext& context, ApiCall& call) {
  Found<IamEntity> found = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamEntity& user = std::get<IamEntity>(found);
  const auto keys = context.store.Iam().ListAccessKeys(user.id);
  if (!keys.ok()) return ToError(keys.status());
  if (keys->size() >= kAccessKeysMax) {
    return LimitExceeded("Cannot exceed quota for AccessKeysPerUser: " +
                         std::to_string(kAccessKeysMax));
  }
  const AccessKey key = {.id = NewAccessKeyId(),
                         .user_id = user.id,
                         .user_name = user.name,
                         .principal = user.Arn(),
                         .secret = NewAccessKeySecret(),
                         .active = true,
                         .created_unix_ms = call.now_unix_ms};
  if (absl::Status status = context.store.AddAccessKey(key); !status.ok()) return ToError(status);
  call.output["AccessKey"] = {{"UserName", user.name},
                              {"AccessKeyId", key.id},
                              {"Status", StatusText(true)},
                              {"SecretAccessKey", key.secret},
                              {"CreateDate", IsoTime(key.created_unix_ms)}};
  call.audit.response_elements =
      Json({{"accessKey", {{"userName", user.name}, {"accessKeyId", key.id}}}}).dump();
  return std::nullopt;
}

ApiOutcome UpdateAccessKey(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string status_text = input.Has("Status")
                                      ? input.Choice("Status", {"Active", "Inactive"})
                                      : input.Text("Status", 1, 16);
  if (input.error().has_value()) return input.error();
  Found<AccessKeyFacts> key = FindKey(context, call);
  if (auto* error = std::get_if<ApiError>(&key)) return std::move(*error);
  const absl::Status status = context.store.Iam().SetAccessKeyActive(
      std::get<AccessKeyFacts>(key).id, status_text == StatusText(true));
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

ApiOutcome DeleteAccessKey(ApiContext& context, ApiCall& call) {
  Found<AccessKeyFacts> key = FindKey(context, call);
  if (auto* error = std::get_if<ApiError>(&key)) return std::move(*error);
  const absl::Status status = context.store.Iam().DeleteAccessKey(std::get<AccessKeyFacts>(key).id);
  if (!status.ok()) return ToError(status);
  return std::nullopt;
}

ApiOutcome ListAccessKeys(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const PageWish wish = input.Page("AccessKeys");
  if (input.error().has_value()) return input.error();
  Found<IamEntity> found = FindNamed(context, call, IamKind::kUser);
  if (auto* error = std::get_if<ApiError>(&found)) return std::move(*error);
  const IamEntity& user = std::get<IamEntity>(found);
  const auto keys = context.store.Iam().ListAccessKeys(user.id);
  if (!keys.ok()) return ToError(keys.status());
  std::vector<PageItem> items;
  for (const AccessKeyFacts& key : *keys) {
    items.push_back({key.id,
                     {{"UserName", user.name},
                      {"AccessKeyId", key.id},
                      {"Status", StatusText(key.is_active)},
                      {"CreateDate", IsoTime(key.created_unix_ms)}}});
  }
  WritePage(call, "AccessKeyMetadata", "AccessKeys", wish, std::move(items));
  return std::nullopt;
}

ApiOutcome GetAccessKeyLastUsed(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::string id = input.Text("AccessKeyId", 16, kKeyIdSizeMax);
  if (input.error().has_value()) return input.error();
  const absl::StatusOr<AccessKeyFacts> key = context.store.Iam().FindAccessKeyFacts(id);
  if (absl::IsNotFound(key.status())) return NoKey(id);
  if (!key.ok()) return ToError(key.status());
  const absl::StatusOr<IamEntity> user = context.store.Iam().FindEntityById(key->user_id);
  if (!user.ok()) return ToError(user.status());
  Json used = {{"ServiceName", key->used_service.empty() ? "N/A" : key->used_service},
               {"Region", key->used_service.empty() ? "N/A" : "adit"}};
  if (key->used_unix_ms != 0) used["LastUsedDate"] = IsoTime(key->used_unix_ms);
  call.output = {{"UserName", user->name}, {"AccessKeyLastUsed", std::move(used)}};
  return std::nullopt;
}

}  // namespace relay::iam
