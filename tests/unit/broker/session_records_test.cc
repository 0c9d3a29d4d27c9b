// Goal: a change that the store will never take holds up nothing behind it, and one that it cannot
// take now is not lost. Method: a real store, where a trigger refuses some records for good.

#include "relay/broker/session_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/broker/full_disk.h"

namespace relay {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

constexpr int64_t kNow = 1'700'000'000'000;

class SessionRecordsTest : public testing::Test {
 protected:
  SessionRecordsTest() {
    static_cast<void>(OpenStore());  // Which makes the tables.
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open((folder_ / "adit.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database,
                           "CREATE TRIGGER refuses BEFORE INSERT ON audit WHEN NEW.name = 'Bad'"
                           " BEGIN SELECT RAISE(ABORT, 'not this one'); END",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(database);
    store_ = OpenStore();
    records_ = std::make_unique<SessionRecords>(*store_);
  }
  std::unique_ptr<SqliteStore> OpenStore() {
    auto opened = SqliteStore::Open({.path = folder_ / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  void Happen(const std::string& name) {
    records_->KeepOrLater("test", "one " + name, [this, name] {
      return AppendAudit(*store_, NewServiceEvent(name, kNow));
    });
  }
  // Turn is what the control thread does a few times a second.
  void Turn() {
    store_->OpenGroup().IgnoreError();
    records_->FlushDue(kNow + SessionRecords::kDelayMs);
    store_->CloseGroup().IgnoreError();
  }
  static std::string Said() { return GetCapturedStderr(); }
  std::vector<std::string> Events() {
    std::vector<std::string> names;
    const auto events = store_->ListAudit(0, 100);
    for (const AuditEvent& event : *events) names.push_back(event.name);
    return names;
  }

  TemporaryFolder folder_;
  std::unique_ptr<SqliteStore> store_;
  std::unique_ptr<SessionRecords> records_;
};

TEST_F(SessionRecordsTest, AChangeThatFailsForGoodHoldsUpNothingBehindIt) {
  ASSERT_TRUE(store_->OpenGroup().ok());
  Happen("First");
  Happen("Bad");
  Happen("Second");
  ASSERT_TRUE(store_->CloseGroup().ok());
  EXPECT_THAT(Events(), ElementsAre("First")) << "what comes behind it waits for its second try";
  CaptureStderr();
  Turn();
  EXPECT_THAT(Said(), ContainsRegex("change_dropped at=test about=\"one Bad\" why=.*not this one"));
  EXPECT_THAT(Events(), ElementsAre("First", "Second"));
  Happen("Third");
  EXPECT_THAT(Events(), ElementsAre("First", "Second", "Third")) << "nothing waits any more";
}

TEST_F(SessionRecordsTest, AStreamsRecordThatFailsForGoodTakesNoOtherWithIt) {
  const SessionSubject subject = {.id = "s-1", .node_id = "mi-1", .principal = "alice"};
  for (const char* name : {"One", "Bad", "Two"}) {
    AuditRecord record = SessionRecords::NewRecord(name, subject, kNow);
    record.additional.emplace_back("stream", "3");
    records_->AddOfStream(std::move(record));
  }
  CaptureStderr();
  for (int i = 0; i < 3; ++i) Turn();
  const std::string said = Said();
  EXPECT_THAT(said, HasSubstr("change_dropped at=stream_record"
                              " about=\"Bad 2023-11-14T22:13:20Z alice s-1 mi-1 stream 3\""));
  EXPECT_THAT(said, HasSubstr("audit_records_lost count=1\n"));
  EXPECT_THAT(Events(), ElementsAre("One", "Two"));
  Happen("Three");
  EXPECT_THAT(Events(), ElementsAre("One", "Two", "Three"));
}

TEST_F(SessionRecordsTest, StreamsRecordsOfALostGroupComeBackInTheirOrder) {
  std::vector<std::string> names;
  ASSERT_TRUE(store_->OpenGroup().ok());
  for (size_t i = 0; i < 3 * SessionRecords::kTogether + 1; ++i) {
    names.push_back("Record" + std::to_string(i));
    records_->AddOfStream(NewServiceEvent(names.back(), kNow));
  }
  {
    const FullDisk full;
    EXPECT_FALSE(store_->CloseGroup().ok());
  }
  EXPECT_THAT(Events(), IsEmpty());
  Turn();  // Finds that the store is back.
  Turn();
  EXPECT_THAT(Events(), testing::ElementsAreArray(names));
}

TEST_F(SessionRecordsTest, WhatFindsNoRoomIsNamedUpToAMaximumAndCounted) {
  const auto fails = [] { return absl::UnavailableError("full"); };
  CaptureStderr();
  for (size_t i = 0; i < SessionRecords::kLateMax; ++i) records_->KeepOrLater("test", "it", fails);
  EXPECT_THAT(Said(), Not(HasSubstr("change_dropped")));
  CaptureStderr();
  for (uint64_t i = 0; i < SessionRecords::kLostNamedMax + 3; ++i) {
    records_->KeepOrLater("session_ended", "s-" + std::to_string(i), fails);
  }
  records_->Flush();
  const std::string said = Said();
  EXPECT_THAT(said, HasSubstr("change_dropped at=session_ended about=s-0 why=\"too many wait"));
  EXPECT_THAT(said, HasSubstr(" about=s-255 "));
  EXPECT_THAT(said, Not(HasSubstr(" about=s-256 ")));
  EXPECT_THAT(said, HasSubstr("audit_records_lost count=259\n"));
}

// A disk that was full when the change was tried, and is when it is tried again.
TEST_F(SessionRecordsTest, AChangeThatFailsWithTheStoreIsKeptWhenThatIsBack) {
  bool is_full = true;
  const auto change = [&] {
    return is_full ? absl::UnavailableError("full")
                   : AppendAudit(*store_, NewServiceEvent("Kept", kNow));
  };
  records_->KeepOrLater("test", "it", change);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(store_->OpenGroup().ok());
    ASSERT_FALSE(store_->is_down());
    ASSERT_TRUE(AppendAudit(*store_, NewServiceEvent("Lost", kNow)).ok());
    records_->FlushDue(kNow);
    {
      const FullDisk full;
      EXPECT_FALSE(store_->CloseGroup().ok());
    }
    EXPECT_TRUE(store_->is_down());
    Turn();
    ASSERT_FALSE(store_->is_down());
  }
  EXPECT_THAT(Events(), IsEmpty());
  is_full = false;
  Turn();
  EXPECT_THAT(Events(), ElementsAre("Kept"));
}

}  // namespace
}  // namespace relay
