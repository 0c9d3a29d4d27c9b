#include "relay/store/sqlite_document_store.h"

#include <limits>

#include "relay/store/sqlite_database.h"
#include "relay/store/sqlite_rows.h"

namespace relay {
namespace {

constexpr const char* kDocument = "document";
constexpr const char* kVersion = "version of the document";

StoredDocument DocumentFrom(const SqliteStatement& row) {
  return {.name = row.TextAt(0),
          .target_type = row.TextAt(1),
          .created_unix_ms = row.IntegerAt(2),
          .default_version = row.IntegerAt(3),
          .latest_version = row.IntegerAt(4)};
}

DocumentVersion VersionFrom(const SqliteStatement& row) {
  return {.name = row.TextAt(0),
          .number = row.IntegerAt(1),
          .version_name = row.TextAt(2),
          .display_name = row.TextAt(3),
          .format = row.TextAt(4),
          .content = row.TextAt(5),
          .created_unix_ms = row.IntegerAt(6)};
}

}  // namespace

absl::Status SqliteDocumentStore::AddDocument(const StoredDocument& document,
                                              const DocumentVersion& version) {
  const absl::Status added =
      database_
          .Prepare(
              "INSERT INTO documents(name, target_type, created, default_version,"
              " latest_version) VALUES(?, ?, ?, ?, ?)")
          .Text(document.name)
          .Text(document.target_type)
          .Integer(document.created_unix_ms)
          .Integer(document.default_version)
          .Integer(document.latest_version)
          .Run()
          .status();
  return added.ok() ? AddDocumentVersion(version) : added;
}

absl::StatusOr<StoredDocument> SqliteDocumentStore::FindDocument(std::string_view name) {
  SqliteStatement row = database_.Prepare(
      "SELECT name, target_type, created, default_version, latest_version FROM documents"
      " WHERE name = ?");
  row.Text(name);
  return ReadRow(row, kDocument, DocumentFrom);
}

absl::Status SqliteDocumentStore::UpdateDocument(const StoredDocument& document) {
  return RowChanged(database_
                        .Prepare("UPDATE documents SET target_type = ?, default_version = ?,"
                                 " latest_version = ? WHERE name = ?")
                        .Text(document.target_type)
                        .Integer(document.default_version)
                        .Integer(document.latest_version)
                        .Text(document.name)
                        .Run(),
                    kDocument);
}

absl::Status SqliteDocumentStore::DeleteDocument(std::string_view name) {
  const absl::Status versions =
      database_.Prepare("DELETE FROM document_versions WHERE name = ?").Text(name).Run().status();
  if (!versions.ok()) return versions;
  return RowChanged(database_.Prepare("DELETE FROM documents WHERE name = ?").Text(name).Run(),
                    kDocument);
}

absl::StatusOr<std::vector<StoredDocument>> SqliteDocumentStore::ListDocuments(
    std::string_view after, size_t count_max) {
  SqliteStatement row = database_.Prepare(
      "SELECT name, target_type, created, default_version, latest_version FROM documents"
      " WHERE name > ? ORDER BY name LIMIT ?");
  row.Text(after).Integer(static_cast<int64_t>(count_max));
  return ReadRows(row, DocumentFrom);
}

absl::StatusOr<int64_t> SqliteDocumentStore::CountDocuments() {
  SqliteStatement row = database_.Prepare("SELECT COUNT(*) FROM documents");
  return ReadRow(row, kDocument, [](const SqliteStatement& count) { return count.IntegerAt(0); });
}

absl::Status SqliteDocumentStore::AddDocumentVersion(const DocumentVersion& version) {
  return database_
      .Prepare(
          "INSERT INTO document_versions(name, number, version_name, display_name, format,"
          " content, created) VALUES(?, ?, ?, ?, ?, ?, ?)")
      .Text(version.name)
      .Integer(version.number)
      .Text(version.version_name)
      .Text(version.display_name)
      .Text(version.format)
      .Text(version.content)
      .Integer(version.created_unix_ms)
      .Run()
      .status();
}

absl::StatusOr<DocumentVersion> SqliteDocumentStore::FindDocumentVersion(std::string_view name,
                                                                         int64_t number) {
  SqliteStatement row = database_.Prepare(
      "SELECT name, number, version_name, display_name, format, content, created"
      " FROM document_versions WHERE name = ? AND number = ?");
  row.Text(name).Integer(number);
  return ReadRow(row, kVersion, VersionFrom);
}

absl::StatusOr<DocumentVersion> SqliteDocumentStore::FindNamedVersion(
    std::string_view name, std::string_view version_name) {
  SqliteStatement row = database_.Prepare(
      "SELECT name, number, version_name, display_name, format, content, created"
      " FROM document_versions WHERE name = ? AND version_name = ? AND version_name <> ''");
  row.Text(name).Text(version_name);
  return ReadRow(row, kVersion, VersionFrom);
}

absl::Status SqliteDocumentStore::DeleteDocumentVersion(std::string_view name, int64_t number) {
  return RowChanged(database_.Prepare("DELETE FROM document_versions WHERE name = ? AND number = ?")
                        .Text(name)
                        .Integer(number)
                        .Run(),
                    kVersion);
}

absl::StatusOr<std::vector<DocumentVersion>> SqliteDocumentStore::ListDocumentVersions(
    std::string_view name, int64_t below, size_t count_max) {
  SqliteStatement row = database_.Prepare(
      "SELECT name, number, version_name, display_name, format, content, created"
      " FROM document_versions WHERE name = ? AND number < ? ORDER BY number DESC LIMIT ?");
  row.Text(name)
      .Integer(below == 0 ? std::numeric_limits<int64_t>::max() : below)
      .Integer(static_cast<int64_t>(count_max));
  return ReadRows(row, VersionFrom);
}

}  // namespace relay
