// The part of the SQLite store behind IAM.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/crypto/aead.h"
#include "relay/store/iam_store.h"

namespace relay {

class SqliteDatabase;

class SqliteIamStore final : public IamStore {
 public:
  // Requires: database and key outlive it. The key may change between two calls.
  SqliteIamStore(SqliteDatabase& database, const engine::crypto::MasterKey& key)
      : database_(database), key_(key) {}

  // EncryptAgain is a part of SqliteStore::RotateMasterKey.
  absl::Status EncryptAgain(const engine::crypto::MasterKey& new_key);

  absl::Status AddEntity(const IamEntity& entity) override;
  absl::StatusOr<IamEntity> FindEntity(IamKind kind, std::string_view name) override;
  absl::StatusOr<IamEntity> FindEntityById(std::string_view id) override;
  absl::Status UpdateEntity(const IamEntity& entity) override;
  absl::Status DeleteEntity(std::string_view id) override;
  absl::StatusOr<std::vector<IamEntity>> ListEntities(IamKind kind, const IamPage& page) override;
  absl::Status AddMember(std::string_view group_id, std::string_view user_id) override;
  absl::Status RemoveMember(std::string_view group_id, std::string_view user_id) override;
  absl::StatusOr<std::vector<IamEntity>> ListGroupsOf(std::string_view user_id) override;
  absl::StatusOr<std::vector<IamEntity>> ListMembers(std::string_view group_id) override;
  absl::Status PutInlinePolicy(std::string_view entity_id, const IamInlinePolicy& policy) override;
  absl::Status DeleteInlinePolicy(std::string_view entity_id, std::string_view name) override;
  absl::StatusOr<std::vector<IamInlinePolicy>> ListInlinePolicies(
      std::string_view entity_id) override;
  absl::Status AddPolicy(const IamPolicy& policy, std::string_view document) override;
  absl::StatusOr<IamPolicy> FindPolicy(std::string_view arn) override;
  absl::Status DeletePolicy(std::string_view arn) override;
  absl::StatusOr<std::vector<IamPolicy>> ListPolicies(const IamPage& page) override;
  absl::Status AddPolicyVersion(std::string_view arn, const IamPolicyVersion& version,
                                Default set_default) override;
  absl::Status SetDefaultVersion(std::string_view arn, int64_t number,
                                 int64_t now_unix_ms) override;
  absl::Status DeletePolicyVersion(std::string_view arn, int64_t number) override;
  absl::StatusOr<std::vector<IamPolicyVersion>> ListPolicyVersions(std::string_view arn) override;
  absl::Status Attach(std::string_view entity_id, std::string_view policy_arn) override;
  absl::Status Detach(std::string_view entity_id, std::string_view policy_arn) override;
  absl::StatusOr<std::vector<std::string>> ListAttached(std::string_view entity_id) override;
  absl::StatusOr<std::vector<IamEntity>> ListAttachedTo(std::string_view policy_arn) override;
  absl::StatusOr<std::vector<IamEntity>> ListBoundedBy(std::string_view policy_arn) override;
  absl::Status PutTag(std::string_view owner, const IamTag& tag) override;
  absl::Status RemoveTag(std::string_view owner, std::string_view key) override;
  absl::StatusOr<std::vector<IamTag>> ListTags(std::string_view owner) override;
  absl::Status AddMfaDevice(const IamMfaDevice& device) override;
  absl::StatusOr<IamMfaDevice> FindMfaDevice(std::string_view serial_number) override;
  absl::Status UpdateMfaDevice(const IamMfaDevice& device) override;
  absl::Status DeleteMfaDevice(std::string_view serial_number) override;
  absl::StatusOr<std::vector<IamMfaDevice>> ListMfaDevices(
      std::optional<std::string_view> user_id) override;
  absl::StatusOr<std::vector<AccessKeyFacts>> ListAccessKeys(std::string_view user_id) override;
  absl::StatusOr<AccessKeyFacts> FindAccessKeyFacts(std::string_view id) override;
  absl::Status SetAccessKeyActive(std::string_view id, bool is_active) override;
  absl::Status DeleteAccessKey(std::string_view id) override;
  absl::Status TouchAccessKey(std::string_view id, std::string_view service,
                              int64_t now_unix_ms) override;
  absl::StatusOr<IamCounts> Count() override;

 private:
  SqliteDatabase& database_;
  const engine::crypto::MasterKey& key_;
};

}  // namespace relay
