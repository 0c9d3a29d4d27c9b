#include "relay/iam/tags_api.h"

#include <set>
#include <utility>

#include "relay/iam/iam_error.h"
#include "relay/iam/iam_input.h"
#include "relay/iam/iam_lookup.h"
#include "relay/store/store.h"

namespace relay::iam {
namespace {

constexpr size_t kSerialSizeMax = 256;
constexpr size_t kTagKeySizeMax = 128;

Found<std::string> OwnerOf(ApiContext& context, ApiCall& call, IamKind kind) {
  IamInput input(call.input);
  input.Name(NameMember(kind));
  if (input.error().has_value()) return *input.error();
  Found<IamEntity> entity = FindNamed(context, call, kind);
  if (auto* error = std::get_if<ApiError>(&entity)) return std::move(*error);
  return std::get<IamEntity>(entity).id;
}

// OwnerOf returns under which name the store has the tags of what the request names.
Found<std::string> OwnerOf(ApiContext& context, ApiCall& call, Tagged what) {
  IamInput input(call.input);
  switch (what) {
    case Tagged::kUser:
      return OwnerOf(context, call, IamKind::kUser);
    case Tagged::kRole:
      return OwnerOf(context, call, IamKind::kRole);
    case Tagged::kPolicy: {
      std::string arn = input.Arn("PolicyArn");
      if (input.error().has_value()) return *input.error();
      Found<ManagedFacts> policy = FindManaged(context, arn);
      if (auto* error = std::get_if<ApiError>(&policy)) return std::move(*error);
      if (std::get<ManagedFacts>(policy).is_shipped) {
        return InvalidInput("Tags of a policy that is shipped with the relay cannot be changed.");
      }
      return arn;
    }
    case Tagged::kMfaDevice: {
      std::string serial = input.Text("SerialNumber", 9, kSerialSizeMax);
      if (input.error().has_value()) return *input.error();
      const auto device = context.store.Iam().FindMfaDevice(serial);
      if (absl::IsNotFound(device.status())) {
        return NoSuchEntity("MFADevice with serial number " + serial + " doesn't exist.");
      }
      if (!device.ok()) return ToError(device.status());
      return serial;
    }
  }
  return InvalidInput("This cannot be tagged.");
}

}  // namespace

template <Tagged kWhat>
ApiOutcome TagIt(ApiContext& context, ApiCall& call) {
  IamStore& store = context.store.Iam();
  IamInput input(call.input);
  const std::vector<IamTag> tags = input.Tags();
  if (input.error().has_value()) return input.error();
  Found<std::string> owner = OwnerOf(context, call, kWhat);
  if (auto* error = std::get_if<ApiError>(&owner)) return std::move(*error);
  const auto has = store.ListTags(std::get<std::string>(owner));
  if (!has.ok()) return ToError(has.status());
  std::set<std::string> keys;
  for (const IamTag& tag : *has) keys.insert(tag.key);
  for (const IamTag& tag : tags) keys.insert(tag.key);
  if (keys.size() > kTagsMax) {
    return LimitExceeded("The number of tags has reached the maximum limit: " +
                         std::to_string(kTagsMax));
  }
  for (const IamTag& tag : tags) {
    const absl::Status status = store.PutTag(std::get<std::string>(owner), tag);
    if (!status.ok()) return ToError(status);
  }
  return std::nullopt;
}

template <Tagged kWhat>
ApiOutcome UntagIt(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const std::vector<std::string> keys = input.Texts("TagKeys", kTagsMax, kTagKeySizeMax);
  if (input.error().has_value()) return input.error();
  Found<std::string> owner = OwnerOf(context, call, kWhat);
  if (auto* error = std::get_if<ApiError>(&owner)) return std::move(*error);
  for (const std::string& key : keys) {
    const absl::Status status = context.store.Iam().RemoveTag(std::get<std::string>(owner), key);
    if (!status.ok() && !absl::IsNotFound(status)) return ToError(status);
  }
  return std::nullopt;
}

template <Tagged kWhat>
ApiOutcome ListTagsOf(ApiContext& context, ApiCall& call) {
  IamInput input(call.input);
  const PageWish wish = input.Page("Tags");
  if (input.error().has_value()) return input.error();
  Found<std::string> owner = OwnerOf(context, call, kWhat);
  if (auto* error = std::get_if<ApiError>(&owner)) return std::move(*error);
  const auto tags = context.store.Iam().ListTags(std::get<std::string>(owner));
  if (!tags.ok()) return ToError(tags.status());
  std::vector<PageItem> items;
  for (const IamTag& tag : *tags) {
    items.push_back({tag.key, {{"Key", tag.key}, {"Value", tag.value}}});
  }
  WritePage(call, "Tags", "Tags", wish, std::move(items));
  return std::nullopt;
}

template ApiOutcome TagIt<Tagged::kUser>(ApiContext&, ApiCall&);
template ApiOutcome TagIt<Tagged::kRole>(ApiContext&, ApiCall&);
template ApiOutcome TagIt<Tagged::kPolicy>(ApiContext&, ApiCall&);
template ApiOutcome TagIt<Tagged::kMfaDevice>(ApiContext&, ApiCall&);
template ApiOutcome UntagIt<Tagged::kUser>(ApiContext&, ApiCall&);
template ApiOutcome UntagIt<Tagged::kRole>(ApiContext&, ApiCall&);
template ApiOutcome UntagIt<Tagged::kPolicy>(ApiContext&, ApiCall&);
template ApiOutcome UntagIt<Tagged::kMfaDevice>(ApiContext&, ApiCall&);
template ApiOutcome ListTagsOf<Tagged::kUser>(ApiContext&, ApiCall&);
template ApiOutcome ListTagsOf<Tagged::kRole>(ApiContext&, ApiCall&);
template ApiOutcome ListTagsOf<Tagged::kPolicy>(ApiContext&, ApiCall&);
template ApiOutcome ListTagsOf<Tagged::kMfaDevice>(ApiContext&, ApiCall&);

}  // namespace relay::iam
