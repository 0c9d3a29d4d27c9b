// The part of the SQLite store that keeps session documents.

#pragma once

#include <string_view>
#include <vector>

#include "relay/store/document_store.h"

namespace relay {

class SqliteDatabase;

class SqliteDocumentStore final : public DocumentStore {
 public:
  // Requires: the database outlives it.
  explicit SqliteDocumentStore(SqliteDatabase& database) : database_(database) {}

  absl::Status AddDocument(const StoredDocument& document, const DocumentVersion& version) override;
  absl::StatusOr<StoredDocument> FindDocument(std::string_view name) override;
  absl::Status UpdateDocument(const StoredDocument& document) override;
  absl::Status DeleteDocument(std::string_view name) override;
  absl::StatusOr<std::vector<StoredDocument>> ListDocuments(std::string_view after,
                                                            size_t count_max) override;
  absl::StatusOr<int64_t> CountDocuments() override;
  absl::Status AddDocumentVersion(const DocumentVersion& version) override;
  absl::StatusOr<DocumentVersion> FindDocumentVersion(std::string_view name,
                                                      int64_t number) override;
  absl::StatusOr<DocumentVersion> FindNamedVersion(std::string_view name,
                                                   std::string_view version_name) override;
  absl::Status DeleteDocumentVersion(std::string_view name, int64_t number) override;
  absl::StatusOr<std::vector<DocumentVersion>> ListDocumentVersions(std::string_view name,
                                                                    int64_t below,
                                                                    size_t count_max) override;

 private:
  SqliteDatabase& database_;
};

}  // namespace relay
