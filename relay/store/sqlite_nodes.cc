// The part of SqliteStore that keeps nodes and activations.

#include <algorithm>
#include <cstring>

#include "relay/store/sqlite_rows.h"
#include "relay/store/sqlite_store.h"

namespace relay {
namespace {

Node NodeFrom(const SqliteStatement& row) {
  return {.id = row.TextAt(0),
          .name = row.TextAt(1),
          .platform = row.TextAt(2),
          .agent_version = row.TextAt(3),
          .source_ip = row.TextAt(4),
          .activation_id = row.TextAt(5),
          .iam_role = row.TextAt(8),
          .registered_unix_ms = row.IntegerAt(6),
          .last_seen_unix_ms = row.IntegerAt(7),
          .public_key = row.TextAt(9),
          .fingerprint = row.TextAt(10)};
}

Activation ActivationFrom(const SqliteStatement& row) {
  Activation activation{.id = row.TextAt(0),
                        .description = row.TextAt(2),
                        .default_node_name = row.TextAt(3),
                        .iam_role = row.TextAt(4),
                        .registration_limit = static_cast<uint32_t>(row.IntegerAt(5)),
                        .registration_count = static_cast<uint32_t>(row.IntegerAt(6)),
                        .created_unix_ms = row.IntegerAt(7),
                        .expires_unix_ms = row.IntegerAt(8)};
  const std::string digest = row.TextAt(1);
  std::memcpy(activation.code_sha256.data(), digest.data(),
              std::min(digest.size(), activation.code_sha256.size()));
  return activation;
}

}  // namespace

absl::Status SqliteStore::AddNode(const Node& node) {
  return database_
      ->Prepare(
          "INSERT INTO nodes(id, name, platform, agent_version, source_ip,"
          " activation_id, registered, last_seen, iam_role, public_key, fingerprint)"
          " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Text(node.id)
      .Text(node.name)
      .Text(node.platform)
      .Text(node.agent_version)
      .Text(node.source_ip)
      .Text(node.activation_id)
      .Integer(node.registered_unix_ms)
      .Integer(node.last_seen_unix_ms)
      .Text(node.iam_role)
      .Text(node.public_key)
      .Text(node.fingerprint)
      .Run()
      .status();
}

absl::StatusOr<Node> SqliteStore::FindNode(std::string_view id) {
  SqliteStatement row = database_->Prepare(
      "SELECT id, name, platform, agent_version, source_ip, activation_id, registered, last_seen,"
      " iam_role, public_key, fingerprint FROM nodes WHERE id = ?");
  row.Text(id);
  return ReadRow(row, "node", NodeFrom);
}

absl::StatusOr<std::vector<Node>> SqliteStore::ListNodes(std::string_view after_id,
                                                         size_t count_max) {
  SqliteStatement rows = database_->Prepare(
      "SELECT id, name, platform, agent_version, source_ip, activation_id, registered, last_seen,"
      " iam_role, public_key, fingerprint FROM nodes WHERE id > ? ORDER BY id LIMIT ?");
  rows.Text(after_id).Integer(static_cast<int64_t>(count_max));
  return ReadRows(rows, NodeFrom);
}

absl::StatusOr<std::vector<std::string>> SqliteStore::NodesNamed(std::string_view name,
                                                                 size_t count_max) {
  SqliteStatement rows =
      database_->Prepare("SELECT id FROM nodes WHERE name = ? ORDER BY id LIMIT ?");
  rows.Text(name).Integer(static_cast<int64_t>(count_max));
  return ReadRows(rows, [](const SqliteStatement& row) { return row.TextAt(0); });
}

absl::Status SqliteStore::UpdateNode(const Node& node) {
  return RowChanged(database_
                        ->Prepare("UPDATE nodes SET name = ?, platform = ?, agent_version = ?,"
                                  " source_ip = ?, last_seen = ?, iam_role = ?,"
                                  " public_key = ?, fingerprint = ? WHERE id = ?")
                        .Text(node.name)
                        .Text(node.platform)
                        .Text(node.agent_version)
                        .Text(node.source_ip)
                        .Integer(node.last_seen_unix_ms)
                        .Text(node.iam_role)
                        .Text(node.public_key)
                        .Text(node.fingerprint)
                        .Text(node.id)
                        .Run(),
                    "node");
}

absl::Status SqliteStore::DeleteNode(std::string_view id) {
  return RowChanged(database_->Prepare("DELETE FROM nodes WHERE id = ?").Text(id).Run(), "node");
}

absl::Status SqliteStore::TouchNode(std::string_view id, int64_t last_seen_unix_ms) {
  return RowChanged(database_->Prepare("UPDATE nodes SET last_seen = ? WHERE id = ?")
                        .Integer(last_seen_unix_ms)
                        .Text(id)
                        .Run(),
                    "node");
}

absl::Status SqliteStore::AddActivation(const Activation& activation) {
  return database_
      ->Prepare(
          "INSERT INTO activations(id, code_sha256, description,"
          " default_node_name, iam_role, registration_limit, registration_count,"
          " created, expires) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Text(activation.id)
      .Blob(activation.code_sha256)
      .Text(activation.description)
      .Text(activation.default_node_name)
      .Text(activation.iam_role)
      .Integer(activation.registration_limit)
      .Integer(activation.registration_count)
      .Integer(activation.created_unix_ms)
      .Integer(activation.expires_unix_ms)
      .Run()
      .status();
}

absl::StatusOr<Activation> SqliteStore::FindActivation(std::string_view id) {
  SqliteStatement row = database_->Prepare(
      "SELECT id, code_sha256, description, default_node_name, iam_role, registration_limit,"
      " registration_count, created, expires FROM activations WHERE id = ?");
  row.Text(id);
  return ReadRow(row, "activation", ActivationFrom);
}

absl::StatusOr<std::vector<Activation>> SqliteStore::ListActivations(int64_t before_unix_ms,
                                                                     std::string_view before_id,
                                                                     size_t count_max) {
  SqliteStatement rows = database_->Prepare(
      "SELECT id, code_sha256, description, default_node_name, iam_role, registration_limit,"
      " registration_count, created, expires FROM activations WHERE (created, id) < (?, ?)"
      " ORDER BY created DESC, id DESC LIMIT ?");
  rows.Integer(before_unix_ms).Text(before_id).Integer(static_cast<int64_t>(count_max));
  return ReadRows(rows, ActivationFrom);
}

absl::Status SqliteStore::DeleteActivation(std::string_view id) {
  return RowChanged(database_->Prepare("DELETE FROM activations WHERE id = ?").Text(id).Run(),
                    "activation");
}

absl::Status SqliteStore::CountRegistration(std::string_view activation_id) {
  const absl::StatusOr<int64_t> count =
      database_
          ->Prepare(
              "UPDATE activations SET registration_count = registration_count + 1"
              " WHERE id = ? AND registration_count < registration_limit")
          .Text(activation_id)
          .Run();
  if (!count.ok()) return count.status();
  if (*count == 0) return absl::ResourceExhaustedError("the registration limit is reached");
  return absl::OkStatus();
}

}  // namespace relay
