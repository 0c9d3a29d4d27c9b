// Users, groups, roles, their tags, access keys and MFA devices.

#include <utility>

#include "engine/base/bytes.h"
#include "relay/store/sqlite_database.h"
#include "relay/store/sqlite_iam_store.h"
#include "relay/store/sqlite_rows.h"

namespace relay {
namespace {

using engine::AsBytes;

constexpr const char* kEntity = "entity";
constexpr const char* kDevice = "MFA device";
constexpr const char* kKey = "access key";

// Of a whole row, as the schema has its columns.
IamEntity EntityFrom(const SqliteStatement& row) {
  return {.kind = static_cast<IamKind>(row.IntegerAt(1)),
          .id = row.TextAt(0),
          .name = row.TextAt(2),
          .path = row.TextAt(3),
          .created_unix_ms = row.IntegerAt(4),
          .boundary_arn = row.TextAt(5),
          .trust_policy = row.TextAt(6),
          .description = row.TextAt(7),
          .session_max_seconds = row.IntegerAt(8)};
}

IamMfaDevice DeviceFrom(const SqliteStatement& row) {
  return {.name = row.TextAt(0),
          .path = row.TextAt(1),
          .seed = row.TextAt(2),
          .user_id = row.TextAt(3),
          .enabled_unix_ms = row.IntegerAt(4),
          .last_step = row.IntegerAt(5)};
}

AccessKeyFacts FactsFrom(const SqliteStatement& row) {
  return {.id = row.TextAt(0),
          .user_id = row.TextAt(1),
          .is_active = row.IntegerAt(2) != 0,
          .created_unix_ms = row.IntegerAt(3),
          .used_unix_ms = row.IntegerAt(4),
          .used_service = row.TextAt(5)};
}

}  // namespace

absl::Status SqliteIamStore::AddEntity(const IamEntity& entity) {
  Changed();
  return database_
      .Prepare(
          "INSERT INTO iam_entities(kind, id, name, path, created, boundary, trust, description,"
          " session_max) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Integer(static_cast<int64_t>(entity.kind))
      .Text(entity.id)
      .Text(entity.name)
      .Text(entity.path)
      .Integer(entity.created_unix_ms)
      .Text(entity.boundary_arn)
      .Text(entity.trust_policy)
      .Text(entity.description)
      .Integer(entity.session_max_seconds)
      .Run()
      .status();
}

absl::StatusOr<IamEntity> SqliteIamStore::FindEntity(IamKind kind, std::string_view name) {
  // The index compares without case; the answer is exact.
  SqliteStatement row = database_.Prepare(
      "SELECT * FROM iam_entities WHERE kind = ? AND name = ?2 AND name = ?2 COLLATE BINARY");
  row.Integer(static_cast<int64_t>(kind)).Text(name);
  return ReadRow(row, kEntity, EntityFrom);
}

absl::StatusOr<IamEntity> SqliteIamStore::FindEntityById(std::string_view id) {
  SqliteStatement row = database_.Prepare("SELECT * FROM iam_entities WHERE id = ?");
  row.Text(id);
  return ReadRow(row, kEntity, EntityFrom);
}

absl::Status SqliteIamStore::UpdateEntity(const IamEntity& entity) {
  Changed();
  absl::Status status =
      RowChanged(database_
                     .Prepare("UPDATE iam_entities SET name = ?, path = ?, boundary = ?, trust = ?,"
                              " description = ?, session_max = ? WHERE id = ?")
                     .Text(entity.name)
                     .Text(entity.path)
                     .Text(entity.boundary_arn)
                     .Text(entity.trust_policy)
                     .Text(entity.description)
                     .Integer(entity.session_max_seconds)
                     .Text(entity.id)
                     .Run(),
                 kEntity);
  if (!status.ok() || entity.kind != IamKind::kUser) return status;
  return database_.Prepare("UPDATE access_keys SET user_name = ?, principal = ? WHERE user_id = ?")
      .Text(entity.name)
      .Text(entity.Arn())
      .Text(entity.id)
      .Run()
      .status();
}

absl::Status SqliteIamStore::DeleteEntity(std::string_view id) {
  Changed();
  absl::Status status =
      database_.Prepare("DELETE FROM iam_tags WHERE owner = ?").Text(id).Run().status();
  if (!status.ok()) return status;
  return RowChanged(database_.Prepare("DELETE FROM iam_entities WHERE id = ?").Text(id).Run(),
                    kEntity);
}

absl::StatusOr<std::vector<IamEntity>> SqliteIamStore::ListEntities(IamKind kind,
                                                                    const IamPage& page) {
  SqliteStatement rows = database_.Prepare(
      "SELECT * FROM iam_entities WHERE kind = ? AND name > ? AND substr(path, 1, length(?3)) = ?3"
      " ORDER BY name LIMIT ?");
  rows.Integer(static_cast<int64_t>(kind))
      .Text(page.after)
      .Text(page.path_prefix)
      .Integer(static_cast<int64_t>(page.count_max));
  return ReadRows(rows, EntityFrom);
}

// --------------------------------------------------------------------- members

absl::Status SqliteIamStore::AddMember(std::string_view group_id, std::string_view user_id) {
  Changed();
  return database_.Prepare("INSERT OR IGNORE INTO iam_members(group_id, user_id) VALUES(?, ?)")
      .Text(group_id)
      .Text(user_id)
      .Run()
      .status();
}

absl::Status SqliteIamStore::RemoveMember(std::string_view group_id, std::string_view user_id) {
  Changed();
  return RowChanged(database_.Prepare("DELETE FROM iam_members WHERE group_id = ? AND user_id = ?")
                        .Text(group_id)
                        .Text(user_id)
                        .Run(),
                    "member");
}

absl::StatusOr<std::vector<IamEntity>> SqliteIamStore::ListGroupsOf(std::string_view user_id) {
  SqliteStatement rows = database_.Prepare(
      "SELECT e.* FROM iam_members m JOIN iam_entities e ON e.id = m.group_id"
      " WHERE m.user_id = ? ORDER BY e.name");
  rows.Text(user_id);
  return ReadRows(rows, EntityFrom);
}

absl::StatusOr<std::vector<IamEntity>> SqliteIamStore::ListMembers(std::string_view group_id) {
  SqliteStatement rows = database_.Prepare(
      "SELECT e.* FROM iam_members m JOIN iam_entities e ON e.id = m.user_id"
      " WHERE m.group_id = ? ORDER BY e.name");
  rows.Text(group_id);
  return ReadRows(rows, EntityFrom);
}

absl::StatusOr<std::vector<IamEntity>> SqliteIamStore::ListAttachedTo(std::string_view policy_arn) {
  SqliteStatement rows = database_.Prepare(
      "SELECT e.* FROM iam_attachments a JOIN iam_entities e ON e.id = a.entity_id"
      " WHERE a.policy_arn = ? ORDER BY e.name");
  rows.Text(policy_arn);
  return ReadRows(rows, EntityFrom);
}

absl::StatusOr<std::vector<IamEntity>> SqliteIamStore::ListBoundedBy(std::string_view policy_arn) {
  SqliteStatement rows =
      database_.Prepare("SELECT * FROM iam_entities WHERE boundary = ? ORDER BY name");
  rows.Text(policy_arn);
  return ReadRows(rows, EntityFrom);
}

// ------------------------------------------------------------------------ tags

absl::Status SqliteIamStore::PutTag(std::string_view owner, const IamTag& tag) {
  Changed();
  // Conditions do not regard the case of a key, so that there is one of each.
  absl::Status status = database_
                            .Prepare(
                                "DELETE FROM iam_tags WHERE owner = ?1 AND key <> ?2"
                                " AND key = ?2 COLLATE NOCASE")
                            .Text(owner)
                            .Text(tag.key)
                            .Run()
                            .status();
  if (!status.ok()) return status;
  return database_
      .Prepare(
          "INSERT INTO iam_tags(owner, key, value) VALUES(?, ?, ?)"
          " ON CONFLICT(owner, key) DO UPDATE SET value = excluded.value")
      .Text(owner)
      .Text(tag.key)
      .Text(tag.value)
      .Run()
      .status();
}

absl::Status SqliteIamStore::RemoveTag(std::string_view owner, std::string_view key) {
  Changed();
  return RowChanged(database_.Prepare("DELETE FROM iam_tags WHERE owner = ? AND key = ?")
                        .Text(owner)
                        .Text(key)
                        .Run(),
                    "tag");
}

absl::StatusOr<std::vector<IamTag>> SqliteIamStore::ListTags(std::string_view owner) {
  SqliteStatement rows =
      database_.Prepare("SELECT key, value FROM iam_tags WHERE owner = ? ORDER BY key");
  rows.Text(owner);
  return ReadRows(rows, [](const SqliteStatement& row) {
    return IamTag{.key = row.TextAt(0), .value = row.TextAt(1)};
  });
}

// ----------------------------------------------------------------- MFA devices

absl::Status SqliteIamStore::AddMfaDevice(const IamMfaDevice& device) {
  const std::string serial = device.SerialNumber();
  const std::string sealed = engine::crypto::Seal(key_, AsBytes(device.seed), AsBytes(serial));
  return database_
      .Prepare(
          "INSERT INTO iam_mfa_devices(serial, name, path, sealed_seed, user_id, enabled,"
          " last_step) VALUES(?, ?, ?, ?, ?, ?, ?)")
      .Text(serial)
      .Text(device.name)
      .Text(device.path)
      .Blob(AsBytes(sealed))
      .Text(device.user_id)
      .Integer(device.enabled_unix_ms)
      .Integer(device.last_step)
      .Run()
      .status();
}

absl::StatusOr<IamMfaDevice> SqliteIamStore::FindMfaDevice(std::string_view serial_number) {
  SqliteStatement row = database_.Prepare(
      "SELECT name, path, sealed_seed, user_id, enabled, last_step FROM iam_mfa_devices"
      " WHERE serial = ?");
  row.Text(serial_number);
  absl::StatusOr<IamMfaDevice> device = ReadRow(row, kDevice, DeviceFrom);
  if (!device.ok()) return device;
  absl::StatusOr<std::string> seed =
      engine::crypto::Open(key_, AsBytes(device->seed), AsBytes(device->SerialNumber()));
  if (!seed.ok()) {
    return absl::DataLossError("store: the seed of MFA device " + device->SerialNumber() +
                               " was changed on disk; restore the store, or make a new device");
  }
  device->seed = *std::move(seed);
  return device;
}

absl::Status SqliteIamStore::UpdateMfaDevice(const IamMfaDevice& device) {
  return RowChanged(
      database_
          .Prepare("UPDATE iam_mfa_devices SET user_id = ?, enabled = ?, last_step = ?"
                   " WHERE serial = ?")
          .Text(device.user_id)
          .Integer(device.enabled_unix_ms)
          .Integer(device.last_step)
          .Text(device.SerialNumber())
          .Run(),
      kDevice);
}

absl::Status SqliteIamStore::DeleteMfaDevice(std::string_view serial_number) {
  absl::Status status =
      database_.Prepare("DELETE FROM iam_tags WHERE owner = ?").Text(serial_number).Run().status();
  if (!status.ok()) return status;
  return RowChanged(
      database_.Prepare("DELETE FROM iam_mfa_devices WHERE serial = ?").Text(serial_number).Run(),
      kDevice);
}

absl::StatusOr<std::vector<IamMfaDevice>> SqliteIamStore::ListMfaDevices(
    std::optional<std::string_view> user_id) {
  SqliteStatement rows = database_.Prepare(
      "SELECT name, path, '', user_id, enabled, last_step FROM iam_mfa_devices"
      " WHERE ?1 OR user_id = ?2 ORDER BY serial");
  rows.Integer(user_id.has_value() ? 0 : 1).Text(user_id.value_or(""));
  return ReadRows(rows, DeviceFrom);
}

absl::Status SqliteIamStore::EncryptAgain(const engine::crypto::MasterKey& new_key) {
  SqliteStatement rows = database_.Prepare("SELECT serial FROM iam_mfa_devices");
  const absl::StatusOr<std::vector<std::string>> serials =
      ReadRows(rows, [](const SqliteStatement& row) { return row.TextAt(0); });
  if (!serials.ok()) return serials.status();
  for (const std::string& serial : *serials) {
    const absl::StatusOr<IamMfaDevice> device = FindMfaDevice(serial);
    if (!device.ok()) return device.status();
    const std::string again = engine::crypto::Seal(new_key, AsBytes(device->seed), AsBytes(serial));
    absl::Status status =
        database_.Prepare("UPDATE iam_mfa_devices SET sealed_seed = ? WHERE serial = ?")
            .Blob(AsBytes(again))
            .Text(serial)
            .Run()
            .status();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// ----------------------------------------------------------------- access keys

absl::StatusOr<std::vector<AccessKeyFacts>> SqliteIamStore::ListAccessKeys(
    std::string_view user_id) {
  SqliteStatement rows = database_.Prepare(
      "SELECT id, user_id, active, created, used, used_service FROM access_keys"
      " WHERE user_id = ? ORDER BY id");
  rows.Text(user_id);
  return ReadRows(rows, FactsFrom);
}

absl::StatusOr<AccessKeyFacts> SqliteIamStore::FindAccessKeyFacts(std::string_view id) {
  SqliteStatement row = database_.Prepare(
      "SELECT id, user_id, active, created, used, used_service FROM access_keys WHERE id = ?");
  row.Text(id);
  return ReadRow(row, kKey, FactsFrom);
}

absl::Status SqliteIamStore::SetAccessKeyActive(std::string_view id, bool is_active) {
  Changed();
  return RowChanged(database_.Prepare("UPDATE access_keys SET active = ? WHERE id = ?")
                        .Integer(is_active ? 1 : 0)
                        .Text(id)
                        .Run(),
                    kKey);
}

absl::Status SqliteIamStore::DeleteAccessKey(std::string_view id) {
  Changed();
  return RowChanged(database_.Prepare("DELETE FROM access_keys WHERE id = ?").Text(id).Run(), kKey);
}

absl::Status SqliteIamStore::TouchAccessKey(std::string_view id, std::string_view service,
                                            int64_t now_unix_ms) {
  return RowChanged(
      database_.Prepare("UPDATE access_keys SET used = ?, used_service = ? WHERE id = ?")
          .Integer(now_unix_ms)
          .Text(service)
          .Text(id)
          .Run(),
      kKey);
}

absl::StatusOr<IamCounts> SqliteIamStore::Count() {
  SqliteStatement row = database_.Prepare(
      "SELECT (SELECT count(*) FROM iam_entities WHERE kind = 1),"
      " (SELECT count(*) FROM iam_entities WHERE kind = 2),"
      " (SELECT count(*) FROM iam_entities WHERE kind = 3),"
      " (SELECT count(*) FROM iam_policies), (SELECT count(*) FROM iam_policy_versions),"
      " (SELECT count(*) FROM iam_mfa_devices),"
      " (SELECT count(*) FROM iam_mfa_devices WHERE user_id != '')");
  return ReadRow(row, "count", [](const SqliteStatement& counts) {
    return IamCounts{.users = counts.IntegerAt(0),
                     .groups = counts.IntegerAt(1),
                     .roles = counts.IntegerAt(2),
                     .policies = counts.IntegerAt(3),
                     .policy_versions = counts.IntegerAt(4),
                     .mfa_devices = counts.IntegerAt(5),
                     .mfa_devices_in_use = counts.IntegerAt(6)};
  });
}

}  // namespace relay
