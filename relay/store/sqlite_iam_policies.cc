// Managed policies with their versions, inline policies, attachments.

#include <utility>

#include "relay/store/sqlite_database.h"
#include "relay/store/sqlite_iam_store.h"
#include "relay/store/sqlite_rows.h"

namespace relay {
namespace {

constexpr const char* kPolicy = "policy";

IamPolicy PolicyFrom(const SqliteStatement& row) {
  return {.id = row.TextAt(0),
          .name = row.TextAt(1),
          .path = row.TextAt(2),
          .description = row.TextAt(3),
          .created_unix_ms = row.IntegerAt(4),
          .updated_unix_ms = row.IntegerAt(5),
          .default_version = row.IntegerAt(6),
          .newest_version = row.IntegerAt(7)};
}

}  // namespace

absl::Status SqliteIamStore::PutInlinePolicy(std::string_view entity_id,
                                             const IamInlinePolicy& policy) {
  Changed();
  return database_
      .Prepare(
          "INSERT INTO iam_inline_policies(entity_id, name, document) VALUES(?, ?, ?)"
          " ON CONFLICT(entity_id, name) DO UPDATE SET document = excluded.document")
      .Text(entity_id)
      .Text(policy.name)
      .Text(policy.document)
      .Run()
      .status();
}

absl::Status SqliteIamStore::DeleteInlinePolicy(std::string_view entity_id, std::string_view name) {
  Changed();
  return RowChanged(
      database_.Prepare("DELETE FROM iam_inline_policies WHERE entity_id = ? AND name = ?")
          .Text(entity_id)
          .Text(name)
          .Run(),
      kPolicy);
}

absl::StatusOr<std::vector<IamInlinePolicy>> SqliteIamStore::ListInlinePolicies(
    std::string_view entity_id) {
  SqliteStatement rows = database_.Prepare(
      "SELECT name, document FROM iam_inline_policies WHERE entity_id = ? ORDER BY name");
  rows.Text(entity_id);
  return ReadRows(rows, [](const SqliteStatement& row) {
    return IamInlinePolicy{.name = row.TextAt(0), .document = row.TextAt(1)};
  });
}

absl::Status SqliteIamStore::AddPolicy(const IamPolicy& policy, std::string_view document) {
  Changed();
  const std::string arn = policy.Arn();
  absl::Status status =
      database_
          .Prepare(
              "INSERT INTO iam_policies(arn, id, name, path, description, created, updated,"
              " default_version, newest_version) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
          .Text(arn)
          .Text(policy.id)
          .Text(policy.name)
          .Text(policy.path)
          .Text(policy.description)
          .Integer(policy.created_unix_ms)
          .Integer(policy.updated_unix_ms)
          .Integer(policy.default_version)
          .Integer(policy.newest_version)
          .Run()
          .status();
  if (!status.ok()) return status;
  return AddPolicyVersion(arn,
                          {.number = policy.default_version,
                           .document = std::string(document),
                           .created_unix_ms = policy.created_unix_ms},
                          Default::kThis);
}

absl::StatusOr<IamPolicy> SqliteIamStore::FindPolicy(std::string_view arn) {
  SqliteStatement row = database_.Prepare(
      "SELECT id, name, path, description, created, updated, default_version, newest_version"
      " FROM iam_policies WHERE arn = ?");
  row.Text(arn);
  return ReadRow(row, kPolicy, PolicyFrom);
}

absl::Status SqliteIamStore::DeletePolicy(std::string_view arn) {
  Changed();
  absl::Status status =
      database_.Prepare("DELETE FROM iam_policy_versions WHERE arn = ?").Text(arn).Run().status();
  if (status.ok()) {
    status = database_.Prepare("DELETE FROM iam_tags WHERE owner = ?").Text(arn).Run().status();
  }
  if (!status.ok()) return status;
  return RowChanged(database_.Prepare("DELETE FROM iam_policies WHERE arn = ?").Text(arn).Run(),
                    kPolicy);
}

absl::StatusOr<std::vector<IamPolicy>> SqliteIamStore::ListPolicies(const IamPage& page) {
  SqliteStatement rows = database_.Prepare(
      "SELECT id, name, path, description, created, updated, default_version, newest_version"
      " FROM iam_policies WHERE name > ? AND substr(path, 1, length(?2)) = ?2"
      " ORDER BY name LIMIT ?");
  rows.Text(page.after).Text(page.path_prefix).Integer(static_cast<int64_t>(page.count_max));
  return ReadRows(rows, PolicyFrom);
}

absl::Status SqliteIamStore::AddPolicyVersion(std::string_view arn, const IamPolicyVersion& version,
                                              Default set_default) {
  Changed();
  absl::Status status = database_
                            .Prepare(
                                "INSERT INTO iam_policy_versions(arn, number, document, created)"
                                " VALUES(?, ?, ?, ?)")
                            .Text(arn)
                            .Integer(version.number)
                            .Text(version.document)
                            .Integer(version.created_unix_ms)
                            .Run()
                            .status();
  if (!status.ok()) return status;
  status = RowChanged(
      database_.Prepare("UPDATE iam_policies SET newest_version = ?, updated = ? WHERE arn = ?")
          .Integer(version.number)
          .Integer(version.created_unix_ms)
          .Text(arn)
          .Run(),
      kPolicy);
  if (!status.ok() || set_default == Default::kStays) return status;
  return SetDefaultVersion(arn, version.number, version.created_unix_ms);
}

absl::Status SqliteIamStore::SetDefaultVersion(std::string_view arn, int64_t number,
                                               int64_t now_unix_ms) {
  Changed();
  return RowChanged(
      database_
          .Prepare("UPDATE iam_policies SET default_version = ?2, updated = ?3 WHERE arn = ?1"
                   " AND EXISTS(SELECT 1 FROM iam_policy_versions WHERE arn = ?1 AND number = ?2)")
          .Text(arn)
          .Integer(number)
          .Integer(now_unix_ms)
          .Run(),
      "policy version");
}

absl::Status SqliteIamStore::DeletePolicyVersion(std::string_view arn, int64_t number) {
  Changed();
  return RowChanged(
      database_.Prepare("DELETE FROM iam_policy_versions WHERE arn = ? AND number = ?")
          .Text(arn)
          .Integer(number)
          .Run(),
      "policy version");
}

absl::StatusOr<std::vector<IamPolicyVersion>> SqliteIamStore::ListPolicyVersions(
    std::string_view arn) {
  SqliteStatement rows = database_.Prepare(
      "SELECT number, document, created FROM iam_policy_versions WHERE arn = ?"
      " ORDER BY number DESC");
  rows.Text(arn);
  return ReadRows(rows, [](const SqliteStatement& row) {
    return IamPolicyVersion{
        .number = row.IntegerAt(0), .document = row.TextAt(1), .created_unix_ms = row.IntegerAt(2)};
  });
}

absl::Status SqliteIamStore::Attach(std::string_view entity_id, std::string_view policy_arn) {
  Changed();
  return database_
      .Prepare("INSERT OR IGNORE INTO iam_attachments(entity_id, policy_arn) VALUES(?, ?)")
      .Text(entity_id)
      .Text(policy_arn)
      .Run()
      .status();
}

absl::Status SqliteIamStore::Detach(std::string_view entity_id, std::string_view policy_arn) {
  Changed();
  return RowChanged(
      database_.Prepare("DELETE FROM iam_attachments WHERE entity_id = ? AND policy_arn = ?")
          .Text(entity_id)
          .Text(policy_arn)
          .Run(),
      "attached policy");
}

absl::StatusOr<std::vector<std::string>> SqliteIamStore::ListAttached(std::string_view entity_id) {
  SqliteStatement rows = database_.Prepare(
      "SELECT policy_arn FROM iam_attachments WHERE entity_id = ? ORDER BY policy_arn");
  rows.Text(entity_id);
  return ReadRows(rows, [](const SqliteStatement& row) { return row.TextAt(0); });
}

}  // namespace relay
