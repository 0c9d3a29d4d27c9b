// Goal: what was committed is there after a restart, secrets are not in the file, and a disk that
// does not work is an error and never a crash.
// Method: a store in a folder of its own; its bytes are searched, its schema set back, its limit
// hit.

#include "relay/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "relay/store/master_key.h"
#include "relay/store/schema.h"
#include "tests/unit/store/sqlite_store_fixture.h"

namespace relay {
namespace {

using engine::crypto::MasterKey;

TEST_F(SqliteStoreTest, EverythingIsThereAfterARestart) {
  Activation activation{.id = "act", .description = "d", .registration_limit = 3};
  activation.code_sha256[0] = std::byte{7};
  Session session = SessionAt("s-1", 100);
  session.what = "shell";
  session.token_sha256[31] = std::byte{9};
  {
    const auto store = Open();
    EXPECT_EQ(store->HasAccessKeys().value(), false);
    EXPECT_TRUE(store->AddAccessKey(Admin()).ok());
    EXPECT_TRUE(store->AddNode({.id = "mi-1", .name = "web", .registered_unix_ms = 4}).ok());
    EXPECT_TRUE(store->AddActivation(activation).ok());
    EXPECT_TRUE(store->AddSession(session).ok());
    EXPECT_TRUE(store->SetEndRecorded("s-1", 10, uint64_t{1} << 40).ok());
    EXPECT_TRUE(store->AppendAudit({.id = "e-1", .name = "X", .record = "{}"}).ok());
  }
  const auto store = Open();
  EXPECT_EQ(store->HasAccessKeys().value(), true);
  const auto key = store->FindAccessKey("AKIATEST");
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(key->secret, "a-very-secret-secret");
  EXPECT_TRUE(key->active);
  EXPECT_EQ(store->FindNode("mi-1")->name, "web");
  EXPECT_EQ(store->FindActivation("act")->code_sha256, activation.code_sha256);
  const auto found = store->FindSession("s-1");
  EXPECT_EQ(found->what, "shell");
  EXPECT_EQ(found->token_sha256, session.token_sha256);
  EXPECT_EQ(found->bytes_out, uint64_t{1} << 40);
  EXPECT_EQ(store->ListAudit(0, 10)->at(0).sequence, 1u);
}

TEST_F(SqliteStoreTest, WhatIsNotThereIsNotFoundAndWhatIsThereIsNotAddedTwice) {
  const auto store = Open();
  EXPECT_TRUE(absl::IsNotFound(store->FindAccessKey("x").status()));
  EXPECT_TRUE(absl::IsNotFound(store->FindNode("x").status()));
  EXPECT_TRUE(absl::IsNotFound(store->FindActivation("x").status()));
  EXPECT_TRUE(absl::IsNotFound(store->FindSession("x").status()));
  EXPECT_TRUE(absl::IsNotFound(store->TouchNode("x", 1)));
  EXPECT_TRUE(absl::IsNotFound(store->UpdateNode({.id = "x"})));
  EXPECT_TRUE(store->AddAccessKey(Admin()).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store->AddAccessKey(Admin())));
}

TEST_F(SqliteStoreTest, TheFileHoldsNoSecretAndNobodyElseMayReadIt) {
  const auto store = Open();
  ASSERT_TRUE(store->AddAccessKey(Admin()).ok());
  const std::string bytes = FileBytes();
  EXPECT_NE(bytes.find("AKIATEST"), std::string::npos);
  EXPECT_EQ(bytes.find("a-very-secret-secret"), std::string::npos);
  for (const char* suffix : {"", "-wal"}) {
    struct stat facts;
    ASSERT_EQ(stat((path() + suffix).c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteStoreTest, ATransactionIsKeptWholeOrNotAtAll) {
  const auto store = Open();
  int done = 0;
  ASSERT_TRUE(store->Begin().ok());
  ASSERT_TRUE(store->AddNode({.id = "mi-1"}).ok());
  store->AfterCommit([&] { ++done; });
  store->Rollback();
  EXPECT_TRUE(absl::IsNotFound(store->FindNode("mi-1").status()));
  EXPECT_EQ(done, 0);

  ASSERT_TRUE(store->Begin().ok());
  ASSERT_TRUE(store->AddNode({.id = "mi-1"}).ok());
  store->AfterCommit([&] { ++done; });
  EXPECT_EQ(done, 0);
  ASSERT_TRUE(store->Commit().ok());
  EXPECT_EQ(done, 1);
  EXPECT_TRUE(store->FindNode("mi-1").ok());
  store->AfterCommit([&] { ++done; });
  EXPECT_EQ(done, 2);
}

TEST_F(SqliteStoreTest, InAGroupEachTransactionIsKeptWholeOrNotAtAllAndTheWorldHearsAtTheEnd) {
  const auto store = Open();
  std::vector<int> heard;
  ASSERT_TRUE(store->OpenGroup().ok());
  ASSERT_TRUE(store->Begin().ok());
  ASSERT_TRUE(store->AddNode({.id = "mi-1"}).ok());
  store->AfterCommit([&] { heard.push_back(1); });
  ASSERT_TRUE(store->Commit().ok());
  ASSERT_TRUE(store->Begin().ok());
  ASSERT_TRUE(store->AddNode({.id = "mi-2"}).ok());
  store->AfterCommit([&] { heard.push_back(2); });
  store->Rollback();
  ASSERT_TRUE(store->AddNode({.id = "mi-3"}).ok());
  store->AfterCommit([&] { heard.push_back(3); }, [&] { heard.push_back(-3); });
  EXPECT_TRUE(heard.empty());
  ASSERT_TRUE(store->CloseGroup().ok());
  EXPECT_EQ(heard, (std::vector<int>{1, 3}));
  EXPECT_TRUE(store->FindNode("mi-1").ok());
  EXPECT_TRUE(absl::IsNotFound(store->FindNode("mi-2").status()));
  EXPECT_TRUE(store->FindNode("mi-3").ok());
  store->AfterCommit([&] { heard.push_back(4); });
  EXPECT_EQ(heard.size(), 3u) << "outside of a group at once";
}

TEST_F(SqliteStoreTest, WhatTheWorldHearsAfterAGroupMayWriteAndThatIsOneGroupAgain) {
  const auto store = Open();
  std::vector<std::string> heard;
  ASSERT_TRUE(store->OpenGroup().ok());
  ASSERT_TRUE(store->AddNode({.id = "mi-1"}).ok());
  for (const char* id : {"mi-2", "mi-3"}) {
    store->AfterCommit([&store, &heard, id] {
      EXPECT_TRUE(store->in_group());
      EXPECT_FALSE(store->in_transaction());
      EXPECT_TRUE(store->AddNode({.id = id}).ok());
      heard.push_back(id);
      store->AfterCommit([&heard, id] { heard.push_back(std::string(id) + " kept"); });
    });
  }
  ASSERT_TRUE(store->CloseGroup().ok());
  EXPECT_EQ(heard, (std::vector<std::string>{"mi-2", "mi-3", "mi-2 kept", "mi-3 kept"}));
  EXPECT_FALSE(store->in_group());
  EXPECT_TRUE(store->FindNode("mi-3").ok());
}

TEST_F(SqliteStoreTest, AGroupThatADiskFailureEndsIsLostAsAWholeAndSaysSo) {
  const auto store = Open(1, 256 * 1024);
  std::vector<int> heard;
  ASSERT_TRUE(store->OpenGroup().ok());
  ASSERT_TRUE(store->AddNode({.id = "mi-1"}).ok());
  store->AfterCommit([&] { heard.push_back(1); }, [&] { heard.push_back(-1); });
  // A full disk may take the change alone, or all of them: what is told must be what is there.
  ASSERT_TRUE(store->Begin().ok());
  EXPECT_FALSE(store->AppendAudit({.id = "big", .record = std::string(500'000, 'r')}).ok());
  store->AfterCommit([&] { heard.push_back(2); });
  store->Rollback();
  const absl::Status closed = store->CloseGroup();
  const bool is_there = store->FindNode("mi-1").ok();
  EXPECT_EQ(heard, std::vector<int>{is_there ? 1 : -1}) << closed;
  ASSERT_TRUE(store->OpenGroup().ok()) << "the next one works";
  ASSERT_TRUE(store->AddNode({.id = "mi-2"}).ok());
  ASSERT_TRUE(store->CloseGroup().ok());
  EXPECT_TRUE(store->FindNode("mi-2").ok());
}

TEST_F(SqliteStoreTest, AStoreWhoseFileIsGoneIsDownAndSaysSoUntilItIsBack) {
  const auto store = Open();
  ASSERT_TRUE(store->AddNode({.id = "mi-1"}).ok());
  std::filesystem::rename(path(), path() + ".gone");
  const absl::Status gone = store->OpenGroup();
  EXPECT_THAT(gone.ToString(), testing::HasSubstr("adit.db is gone"));
  EXPECT_TRUE(store->is_down());
  EXPECT_FALSE(store->Begin().ok());
  EXPECT_TRUE(store->FindNode("mi-1").ok()) << "it can still be read";
  std::ofstream(path()) << "something else";
  EXPECT_THAT(store->OpenGroup().ToString(), testing::HasSubstr("another file"));
  std::filesystem::rename(path() + ".gone", path());
  ASSERT_TRUE(store->OpenGroup().ok());
  EXPECT_TRUE(store->is_down()) << "until something is kept";
  ASSERT_TRUE(store->CloseGroup().ok());
  EXPECT_FALSE(store->is_down());
  ASSERT_TRUE(store->AddNode({.id = "mi-2"}).ok());
}

TEST_F(SqliteStoreTest, AStoreUnderAnotherMasterKeyIsRefusedByName) {
  Open(1).reset();
  const auto other = SqliteStore::Open({.path = path()}, Key(2));
  EXPECT_TRUE(absl::IsPermissionDenied(other.status()));
  EXPECT_NE(other.status().ToString().find("another master key"), std::string::npos);
  EXPECT_NE(Open(1), nullptr);
}

TEST_F(SqliteStoreTest, RotationMovesEverySecretUnderTheNewKey) {
  {
    const auto store = Open(1);
    for (int i = 0; i < 20; ++i) {
      AccessKey key = Admin();
      key.id += std::to_string(i);
      key.secret += std::to_string(i);
      ASSERT_TRUE(store->AddAccessKey(key).ok());
    }
    EXPECT_TRUE(absl::IsPermissionDenied(store->RotateMasterKey(Key(9), Key(2))));
    ASSERT_TRUE(store->RotateMasterKey(Key(1), Key(2)).ok());
    EXPECT_EQ(store->FindAccessKey("AKIATEST7")->secret, "a-very-secret-secret7");
  }
  EXPECT_FALSE(SqliteStore::Open({.path = path()}, Key(1)).ok());
  const auto store = Open(2);
  EXPECT_EQ(store->FindAccessKey("AKIATEST19")->secret, "a-very-secret-secret19");
}

TEST_F(SqliteStoreTest, ASecretMovedToAnotherRowDoesNotOpen) {
  {
    const auto store = Open();
    AccessKey other = Admin();
    other.id = "AKIAOTHER";
    ASSERT_TRUE(store->AddAccessKey(Admin()).ok());
    ASSERT_TRUE(store->AddAccessKey(other).ok());
  }
  {
    const auto database = SqliteDatabase::Open({.path = path()});
    ASSERT_TRUE((*database)
                    ->Execute("UPDATE access_keys SET sealed_secret = (SELECT sealed_secret FROM"
                              " access_keys WHERE id = 'AKIAOTHER') WHERE id = 'AKIATEST'")
                    .ok());
  }
  const auto store = Open();
  EXPECT_EQ(store->FindAccessKey("AKIATEST").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_TRUE(store->FindAccessKey("AKIAOTHER").ok());
}

TEST_F(SqliteStoreTest, AVersion1FileIsUpgradedAndKeepsItsRows) {
  {
    const auto database = SqliteDatabase::Open({.path = path()});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->Execute(Migrations()[0]).ok());
    ASSERT_TRUE((*database)
                    ->Execute("CREATE TABLE schema_version(version INTEGER NOT NULL) STRICT;"
                              "INSERT INTO schema_version VALUES(1);"
                              "INSERT INTO nodes VALUES('mi-1', 'old', '', '', '', '', 1, 2);"
                              "INSERT INTO sessions VALUES('s-1', 'mi-1', 'arn:me', '', '', '', '',"
                              " 1, x'00', 50, 0, '')")
                    .ok());
  }
  const auto store = Open();
  EXPECT_EQ(store->FindNode("mi-1")->name, "old");
  const auto session = store->FindSession("s-1");
  ASSERT_TRUE(session.ok()) << session.status();
  EXPECT_EQ(session->started_unix_ms, 50);
  EXPECT_EQ(session->bytes_in, 0u);
  EXPECT_EQ(session->carriage, std::nullopt) << "nobody knows";
  EXPECT_TRUE(store->SetEndRecorded("s-1", 1, 2).ok());
}

TEST_F(SqliteStoreTest, AFileOfANewerVersionIsRefused) {
  Open().reset();
  {
    const auto database = SqliteDatabase::Open({.path = path()});
    ASSERT_TRUE((*database)->Execute("UPDATE schema_version SET version = 99").ok());
  }
  const auto store = SqliteStore::Open({.path = path()}, Key(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(store.status()));
  EXPECT_NE(store.status().ToString().find("newer adit-relay"), std::string::npos);
}

TEST_F(SqliteStoreTest, AMigrationThatFailsChangesNothing) {
  {
    const auto database = SqliteDatabase::Open({.path = path()});
    // A table that version 1 would make.
    ASSERT_TRUE((*database)->Execute("CREATE TABLE audit(x)").ok());
  }
  EXPECT_FALSE(SqliteStore::Open({.path = path()}, Key(1)).ok());
  const auto database = SqliteDatabase::Open({.path = path()});
  EXPECT_TRUE((*database)->Execute("CREATE TABLE nodes(x)").ok()) << "nothing was left behind";
}

TEST_F(SqliteStoreTest, AFullDiskIsAnErrorAndTheStoreGoesOn) {
  const auto store = Open(1, 256 * 1024);
  absl::Status status;
  int written = 0;
  for (; written < 1000 && status.ok(); ++written) {
    status = store->AppendAudit(
        {.id = std::to_string(written), .name = "X", .record = std::string(1000, 'r')});
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_GT(written, 50);
  // Inside a transaction SQLite may have rolled back by itself.
  ASSERT_TRUE(store->Begin().ok());
  EXPECT_FALSE(store->AppendAudit({.id = "big", .record = std::string(500'000, 'r')}).ok());
  store->Rollback();
  EXPECT_TRUE(store->ListAudit(0, 10).ok());
  EXPECT_EQ(store->ListAudit(0, 1000)->size(), static_cast<size_t>(written - 1));
}

TEST_F(SqliteStoreTest, AStoreThatCannotBeWrittenIsAnErrorThatSaysWhatToDo) {
  const auto missing = SqliteStore::Open({.path = folder / "none/adit.db"}, Key(1));
  EXPECT_NE(missing.status().ToString().find("check that the state directory"), std::string::npos);
  Open().reset();
  ASSERT_EQ(chmod(path().c_str(), 0400), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0500), 0);
  const bool is_root = geteuid() == 0;
  if (is_root) {
    ASSERT_EQ(seteuid(65534), 0);  // Root may write everywhere.
  }
  const auto store = SqliteStore::Open({.path = path()}, Key(1));
  if (is_root) {
    ASSERT_EQ(seteuid(0), 0);
  }
  chmod(folder.path().c_str(), 0700);
  EXPECT_TRUE(absl::IsPermissionDenied(store.status())) << store.status();
}

TEST_F(SqliteStoreTest, WhatIsNoDatabaseIsRefused) {
  std::ofstream(path()) << std::string(10'000, 'x');
  const auto store = SqliteStore::Open({.path = path()}, Key(1));
  EXPECT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << store.status();
}

TEST_F(SqliteStoreTest, ASecondRelayOnTheSameStoreIsRefused) {
  const auto store = Open();
  const auto second = SqliteStore::Open({.path = path()}, Key(1));
  EXPECT_NE(second.status().ToString().find("another process has it open"), std::string::npos)
      << second.status();
}

TEST_F(SqliteStoreTest, RegistrationsAreCountedUpToTheLimit) {
  const auto store = Open();
  ASSERT_TRUE(store->AddActivation({.id = "act", .registration_limit = 2}).ok());
  EXPECT_TRUE(store->CountRegistration("act").ok());
  EXPECT_TRUE(store->CountRegistration("act").ok());
  EXPECT_TRUE(absl::IsResourceExhausted(store->CountRegistration("act")));
  EXPECT_EQ(store->FindActivation("act")->registration_count, 2u);
}

TEST_F(SqliteStoreTest, TheClocksBeginIsKeptOrNotKnown) {
  const auto store = Open();
  EXPECT_EQ(store->FindClockBegin()->boot_id, "");
  for (const std::string boot_id : {"", "6d4bb1b4-5c0e"}) {
    ASSERT_TRUE(store->SetClockBegin({.boot_id = boot_id, .unix_ms = -1'234}).ok());
    EXPECT_EQ(store->FindClockBegin()->boot_id, boot_id);
    EXPECT_EQ(store->FindClockBegin()->unix_ms, -1'234);
  }
}

TEST_F(SqliteStoreTest, TextFromOutsideIsDataAndNeverSql) {
  const auto store = Open();
  const std::string evil = "x'); DROP TABLE nodes; --";
  ASSERT_TRUE(store->AddNode({.id = evil, .name = std::string("a\0b", 3)}).ok());
  EXPECT_EQ(store->FindNode(evil)->name, std::string("a\0b", 3));
}

}  // namespace
}  // namespace relay
