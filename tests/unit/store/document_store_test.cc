// Goal: documents and their versions are kept as they were given, and found by number and name.
// Method: a real store in a folder of the test.

#include "relay/store/document_store.h"

#include <gtest/gtest.h>

#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

class DocumentStoreTest : public testing::Test {
 protected:
  DocumentStoreTest() {
    auto opened = SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  DocumentStore& documents() { return store_->Documents(); }
  static DocumentVersion Version(const char* name, int64_t number, const char* version_name = "") {
    return {.name = name,
            .number = number,
            .version_name = version_name,
            .display_name = "shown",
            .format = "YAML",
            .content = "a: " + std::to_string(number),
            .created_unix_ms = number};
  }
  TemporaryFolder folder_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(DocumentStoreTest, VersionsAreFoundByNumberAndByName) {
  ASSERT_TRUE(documents().AddDocument({.name = "d"}, Version("d", 1, "one")).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(documents().AddDocument({.name = "d"}, Version("d", 9))));
  ASSERT_TRUE(documents().AddDocumentVersion(Version("d", 2)).ok());
  ASSERT_TRUE(documents().AddDocumentVersion(Version("d", 3)).ok());  // No name is no name.
  EXPECT_TRUE(absl::IsAlreadyExists(documents().AddDocumentVersion(Version("d", 4, "one"))));
  EXPECT_EQ(documents().FindDocumentVersion("d", 2)->content, "a: 2");
  EXPECT_EQ(documents().FindNamedVersion("d", "one")->number, 1);
  EXPECT_TRUE(absl::IsNotFound(documents().FindNamedVersion("d", "").status()));
  EXPECT_TRUE(absl::IsNotFound(documents().FindDocumentVersion("d", 5).status()));
  EXPECT_TRUE(absl::IsNotFound(documents().FindDocument("e").status()));
}

TEST_F(DocumentStoreTest, ListsArePagesInOrder) {
  for (const char* name : {"b", "a", "c"}) {
    ASSERT_TRUE(documents().AddDocument({.name = name}, Version(name, 1)).ok());
  }
  EXPECT_EQ(*documents().CountDocuments(), 3);
  EXPECT_EQ(documents().ListDocuments("", 2)->back().name, "b");
  EXPECT_EQ(documents().ListDocuments("b", 2)->front().name, "c");
  ASSERT_TRUE(documents().AddDocumentVersion(Version("a", 2)).ok());
  const auto versions = documents().ListDocumentVersions("a", 0, 10);
  ASSERT_EQ(versions->size(), 2U);
  EXPECT_EQ(versions->front().number, 2);
  EXPECT_EQ(documents().ListDocumentVersions("a", 2, 10)->front().number, 1);
}

TEST_F(DocumentStoreTest, WhatIsDeletedIsGoneWithItsVersions) {
  ASSERT_TRUE(documents().AddDocument({.name = "d"}, Version("d", 1)).ok());
  ASSERT_TRUE(documents().UpdateDocument({.name = "d", .default_version = 7}).ok());
  EXPECT_EQ(documents().FindDocument("d")->default_version, 7);
  ASSERT_TRUE(documents().DeleteDocument("d").ok());
  EXPECT_TRUE(absl::IsNotFound(documents().FindDocumentVersion("d", 1).status()));
  EXPECT_TRUE(absl::IsNotFound(documents().DeleteDocument("d")));
  EXPECT_TRUE(absl::IsNotFound(documents().UpdateDocument({.name = "d"})));
  EXPECT_TRUE(absl::IsNotFound(documents().DeleteDocumentVersion("d", 1)));
}

}  // namespace
}  // namespace relay
