// Session documents that people made, with their versions. The built-in ones are not here.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace relay {

struct StoredDocument {
  std::string name;
  std::string target_type;
  int64_t created_unix_ms = 0;
  int64_t default_version = 1;
  int64_t latest_version = 1;
};

struct DocumentVersion {
  std::string name;
  int64_t number = 1;
  std::string version_name;  // Empty, or unique within the document.
  std::string display_name;
  std::string format;  // "JSON" or "YAML"
  std::string content;
  int64_t created_unix_ms = 0;
};

class DocumentStore {
 public:
  virtual ~DocumentStore() = default;

  // AddDocument adds a document with its version 1. AlreadyExists: the name is taken.
  virtual absl::Status AddDocument(const StoredDocument& document,
                                   const DocumentVersion& version) = 0;
  virtual absl::StatusOr<StoredDocument> FindDocument(std::string_view name) = 0;
  // UpdateDocument replaces target type and the two version numbers. NotFound.
  virtual absl::Status UpdateDocument(const StoredDocument& document) = 0;
  // DeleteDocument deletes all versions. NotFound.
  virtual absl::Status DeleteDocument(std::string_view name) = 0;
  // ListDocuments returns documents in the order of their names, those after `after`.
  virtual absl::StatusOr<std::vector<StoredDocument>> ListDocuments(std::string_view after,
                                                                    size_t count_max) = 0;
  virtual absl::StatusOr<int64_t> CountDocuments() = 0;

  // AddDocumentVersion: AlreadyExists: number or version name is taken.
  virtual absl::Status AddDocumentVersion(const DocumentVersion& version) = 0;
  virtual absl::StatusOr<DocumentVersion> FindDocumentVersion(std::string_view name,
                                                              int64_t number) = 0;
  virtual absl::StatusOr<DocumentVersion> FindNamedVersion(std::string_view name,
                                                           std::string_view version_name) = 0;
  virtual absl::Status DeleteDocumentVersion(std::string_view name, int64_t number) = 0;
  // ListDocumentVersions returns the newest first, those below `below` (0: all).
  virtual absl::StatusOr<std::vector<DocumentVersion>> ListDocumentVersions(std::string_view name,
                                                                            int64_t below,
                                                                            size_t count_max) = 0;
};

}  // namespace relay
