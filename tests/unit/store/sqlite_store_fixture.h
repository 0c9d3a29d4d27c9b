#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include "relay/store/master_key.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"

namespace relay {

inline engine::crypto::MasterKey Key(uint8_t fill) {
  engine::crypto::MasterKey key;
  key.fill(std::byte{fill});
  return key;
}

class SqliteStoreTest : public testing::Test {
 protected:
  std::string path() const { return folder / "adit.db"; }
  std::unique_ptr<SqliteStore> Open(uint8_t key = 1, uint64_t size_max = uint64_t{1} << 30) {
    auto store = SqliteStore::Open({.path = path(), .size_max_bytes = size_max}, Key(key));
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  std::string FileBytes() const {
    std::string bytes;
    for (const char* suffix : {"", "-wal"}) {
      std::ifstream file(path() + suffix, std::ios::binary);
      bytes.append(std::istreambuf_iterator<char>(file), {});
    }
    return bytes;
  }
  static AccessKey Admin() {
    return {.id = "AKIATEST",
            .user_name = "admin",
            .principal = "arn:aws:iam::000000000000:user/admin",
            .secret = "a-very-secret-secret",
            .created_unix_ms = 5};
  }
  static Session SessionAt(const std::string& id, int64_t started) {
    Session session;
    session.id = id;
    session.node_id = "mi-1";
    session.principal = "arn:me";
    session.started_unix_ms = started;
    return session;
  }

  TemporaryFolder folder;
};

}  // namespace relay
