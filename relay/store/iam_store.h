// Who there is, and what they may do: users, groups, roles, policies, tags and MFA devices.
//
// The part of the store behind IAM. It is written in the transactions of the Store that it belongs
// to (Store::iam). It keeps what it is given: limits, names and conflicts are the API's to check.
//
// To look up a principal: FindAccessKey of the Store gives a key's user_id, FindEntityById the
// user; FindEntity(kRole, name) gives a role with its trust policy and longest session. What a
// principal may do is relay/access/principal_policies.h.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace relay {

// All principals and resources are of this account.
inline constexpr std::string_view kAccountId = "000000000000";

enum class IamKind : uint8_t { kUser = 1, kGroup = 2, kRole = 3 };

// IamEntity is a user, a group or a role.
struct IamEntity {
  IamKind kind = IamKind::kUser;
  std::string id;  // AIDA, AGPA or AROA and 17 characters; never used again.
  std::string name;
  std::string path = "/";
  int64_t created_unix_ms = 0;
  std::string boundary_arn;  // Of a user or role; empty: none.
  // Of a role:
  std::string trust_policy;
  std::string description;
  int64_t session_max_seconds = 3600;

  // arn:aws:iam::ACCOUNT:user/PATH/NAME
  std::string Arn() const;
};

struct IamPolicyVersion {
  int64_t number = 1;  // v1
  std::string document;
  int64_t created_unix_ms = 0;
};

// IamPolicy is a managed policy. Those that the relay ships are not in the store.
struct IamPolicy {
  std::string id;  // ANPA...
  std::string name;
  std::string path = "/";
  std::string description;
  int64_t created_unix_ms = 0;
  int64_t updated_unix_ms = 0;
  int64_t default_version = 1;
  int64_t newest_version = 1;  // Ever made.

  // arn:aws:iam::ACCOUNT:policy/PATH/NAME
  std::string Arn() const;
};

struct IamInlinePolicy {
  std::string name;
  std::string document;
};

struct IamTag {
  std::string key;
  std::string value;
};

// IamMfaDevice is a virtual one: RFC 6238, six digits, 30 seconds, SHA-1.
struct IamMfaDevice {
  std::string name;
  std::string path = "/";
  std::string seed;     // Raw bytes; encrypted where they are kept.
  std::string user_id;  // Empty: not enabled.
  int64_t enabled_unix_ms = 0;
  // The last time step of which a code was used: a code counts once.
  int64_t last_step = 0;

  // arn:aws:iam::ACCOUNT:mfa/PATH/NAME
  std::string SerialNumber() const;
};

// AccessKeyFacts is what may be told of an access key: all but its secret.
struct AccessKeyFacts {
  std::string id;
  std::string user_id;
  bool is_active = true;
  int64_t created_unix_ms = 0;
  int64_t used_unix_ms = 0;  // 0: never.
  std::string used_service;
};

// IamPage is a part of a list: names after `after`, those below a path, at most so many.
struct IamPage {
  std::string_view path_prefix = "/";
  std::string_view after;
  size_t count_max = 100;
};

struct IamCounts {
  int64_t users = 0;
  int64_t groups = 0;
  int64_t roles = 0;
  int64_t policies = 0;
  int64_t policy_versions = 0;
  int64_t mfa_devices = 0;
  int64_t mfa_devices_in_use = 0;
};

class IamStore {
 public:
  virtual ~IamStore() = default;

  // The number of changes so far that may change a decision, since the process began. What was
  // compiled or decided under an older one has to be looked at again. A change that is rolled back
  // counts as one more.
  uint64_t revision() const { return revision_; }
  void Changed() { ++revision_; }

  // Find functions return NotFound, Add functions AlreadyExists (names of entities and devices
  // differ in more than their case), and functions that change something NotFound if it is not
  // there.
  virtual absl::Status AddEntity(const IamEntity& entity) = 0;
  virtual absl::StatusOr<IamEntity> FindEntity(IamKind kind, std::string_view name) = 0;
  virtual absl::StatusOr<IamEntity> FindEntityById(std::string_view id) = 0;
  // UpdateEntity replaces all but kind, id and time. Access keys of a user follow its name.
  virtual absl::Status UpdateEntity(const IamEntity& entity) = 0;
  // DeleteEntity deletes an entity with its tags. Requires: nothing else is attached to it.
  virtual absl::Status DeleteEntity(std::string_view id) = 0;
  virtual absl::StatusOr<std::vector<IamEntity>> ListEntities(IamKind kind,
                                                              const IamPage& page) = 0;

  virtual absl::Status AddMember(std::string_view group_id, std::string_view user_id) = 0;
  virtual absl::Status RemoveMember(std::string_view group_id, std::string_view user_id) = 0;
  virtual absl::StatusOr<std::vector<IamEntity>> ListGroupsOf(std::string_view user_id) = 0;
  virtual absl::StatusOr<std::vector<IamEntity>> ListMembers(std::string_view group_id) = 0;

  // An inline policy of the same name is replaced.
  virtual absl::Status PutInlinePolicy(std::string_view entity_id,
                                       const IamInlinePolicy& policy) = 0;
  virtual absl::Status DeleteInlinePolicy(std::string_view entity_id, std::string_view name) = 0;
  virtual absl::StatusOr<std::vector<IamInlinePolicy>> ListInlinePolicies(
      std::string_view entity_id) = 0;

  virtual absl::Status AddPolicy(const IamPolicy& policy, std::string_view document) = 0;
  virtual absl::StatusOr<IamPolicy> FindPolicy(std::string_view arn) = 0;
  // DeletePolicy deletes all versions and tags. Requires: it is attached to nothing.
  virtual absl::Status DeletePolicy(std::string_view arn) = 0;
  virtual absl::StatusOr<std::vector<IamPolicy>> ListPolicies(const IamPage& page) = 0;
  // AddPolicyVersion makes it the newest one, and the default one if so wished.
  enum class Default : uint8_t { kStays, kThis };
  virtual absl::Status AddPolicyVersion(std::string_view arn, const IamPolicyVersion& version,
                                        Default set_default) = 0;
  virtual absl::Status SetDefaultVersion(std::string_view arn, int64_t number,
                                         int64_t now_unix_ms) = 0;
  virtual absl::Status DeletePolicyVersion(std::string_view arn, int64_t number) = 0;
  // Newest first.
  virtual absl::StatusOr<std::vector<IamPolicyVersion>> ListPolicyVersions(
      std::string_view arn) = 0;

  // Attach, and AddMember, leave what is there already as it is.
  virtual absl::Status Attach(std::string_view entity_id, std::string_view policy_arn) = 0;
  virtual absl::Status Detach(std::string_view entity_id, std::string_view policy_arn) = 0;
  virtual absl::StatusOr<std::vector<std::string>> ListAttached(std::string_view entity_id) = 0;
  virtual absl::StatusOr<std::vector<IamEntity>> ListAttachedTo(std::string_view policy_arn) = 0;
  virtual absl::StatusOr<std::vector<IamEntity>> ListBoundedBy(std::string_view policy_arn) = 0;

  // Tags of an entity's id, a device's serial number, or the ARN of a policy, a node or a document;
  // in the order of their keys.
  virtual absl::Status PutTag(std::string_view owner, const IamTag& tag) = 0;
  virtual absl::Status RemoveTag(std::string_view owner, std::string_view key) = 0;
  virtual absl::StatusOr<std::vector<IamTag>> ListTags(std::string_view owner) = 0;

  virtual absl::Status AddMfaDevice(const IamMfaDevice& device) = 0;
  virtual absl::StatusOr<IamMfaDevice> FindMfaDevice(std::string_view serial_number) = 0;
  virtual absl::Status UpdateMfaDevice(const IamMfaDevice& device) = 0;
  virtual absl::Status DeleteMfaDevice(std::string_view serial_number) = 0;
  // ListMfaDevices returns a user's devices, or with nothing, everybody's; without their seeds.
  virtual absl::StatusOr<std::vector<IamMfaDevice>> ListMfaDevices(
      std::optional<std::string_view> user_id) = 0;

  virtual absl::StatusOr<std::vector<AccessKeyFacts>> ListAccessKeys(std::string_view user_id) = 0;
  virtual absl::StatusOr<AccessKeyFacts> FindAccessKeyFacts(std::string_view id) = 0;
  virtual absl::Status SetAccessKeyActive(std::string_view id, bool is_active) = 0;
  virtual absl::Status DeleteAccessKey(std::string_view id) = 0;
  virtual absl::Status TouchAccessKey(std::string_view id, std::string_view service,
                                      int64_t now_unix_ms) = 0;

  virtual absl::StatusOr<IamCounts> Count() = 0;

 private:
  uint64_t revision_ = 1;
};

}  // namespace relay
