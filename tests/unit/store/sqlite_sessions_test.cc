// Goal: a session's row keeps its first end until that is recorded, and every session is found by
// what is asked of it.
// Method: rows are written, ended and listed in a store in a folder of its own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/store/sqlite_store_fixture.h"

namespace relay {
namespace {

class SqliteSessionsTest : public SqliteStoreTest {};

TEST_F(SqliteSessionsTest, ASessionEndsOnceAndKeepsItsFirstReason) {
  const auto store = Open();
  ASSERT_TRUE(store->AddSession(SessionAt("s", 10)).ok());
  ASSERT_TRUE(store->SetSessionConnected("s").ok());
  EXPECT_EQ(store->FindSession("s")->status, SessionStatus::kConnected);
  ASSERT_TRUE(store->EndSession({.id = "s", .details = "first", .ended_unix_ms = 20}).ok());
  ASSERT_TRUE(store->EndSession({.id = "s", .details = "second", .ended_unix_ms = 30}).ok());
  ASSERT_TRUE(store->SetSessionConnected("s").ok());
  EXPECT_EQ(store->FindSession("s")->details, "first");
  EXPECT_EQ(store->FindSession("s")->ended_unix_ms, 20);
  EXPECT_EQ(store->FindSession("s")->status, SessionStatus::kTerminated);
}

TEST_F(SqliteSessionsTest, AnEndIsUnrecordedUntilItsRecordIsThere) {
  const auto store = Open();
  for (const std::string id : {"a", "b", "c"}) {
    Session session = SessionAt(id, 10);
    session.access = id == "a" ? "what it was allowed by" : "";
    session.carriage = Carriage::kSealed;
    ASSERT_TRUE(store->AddSession(session).ok());
  }
  EXPECT_TRUE(store->ListUnrecordedEnds(5)->empty());
  for (const std::string id : {"b", "a"}) {
    ASSERT_TRUE(store
                    ->EndSession({.id = id,
                                  .status = SessionStatus::kFailed,
                                  .details = "why",
                                  .ended_unix_ms = 20,
                                  .reported_by = "node"})
                    .ok());
  }
  ASSERT_EQ(store->ListUnrecordedEnds(5)->size(), 2u);
  const auto ends = store->ListUnrecordedEnds(1);
  ASSERT_EQ(ends->size(), 1u);
  const UnrecordedEnd& first = ends->front();
  EXPECT_EQ(first.end.id, "a");
  EXPECT_EQ(first.end.status, SessionStatus::kFailed);
  EXPECT_EQ(first.end.details, "why");
  EXPECT_EQ(first.end.ended_unix_ms, 20);
  EXPECT_EQ(first.end.reported_by, "node");
  EXPECT_EQ(first.node_id, "mi-1");
  EXPECT_EQ(first.principal, "arn:me");
  EXPECT_EQ(first.carriage, Carriage::kSealed);
  EXPECT_TRUE(first.outlives_lanes);
  ASSERT_TRUE(store->SetEndRecorded("a", 1, 2).ok());
  ASSERT_TRUE(store->EndSession({.id = "a", .details = "again", .ended_unix_ms = 30}).ok());
  const auto left = store->ListUnrecordedEnds(5);
  ASSERT_EQ(left->size(), 1u);
  EXPECT_EQ(left->front().end.id, "b");
  EXPECT_FALSE(left->front().outlives_lanes);
}

TEST_F(SqliteSessionsTest, ASessionKeepsItsCarriageAndCanOnlyBecomeSealed) {
  const auto store = Open();
  Session session = SessionAt("s", 10);
  session.carriage = Carriage::kInspected;
  ASSERT_TRUE(store->AddSession(session).ok());
  EXPECT_EQ(store->FindSession("s")->carriage, Carriage::kInspected);
  ASSERT_TRUE(store->SetSessionSealed("s", "what it was allowed by").ok());
  EXPECT_EQ(store->FindSession("s")->carriage, Carriage::kSealed);
  EXPECT_EQ(store->ListSessions({})->at(0).carriage, Carriage::kSealed);
  EXPECT_EQ(*store->FindSessionAccess("s"), "what it was allowed by");
}

TEST_F(SqliteSessionsTest, SessionsAreListedNewestFirstInPagesWithoutGapOrRepetition) {
  const auto store = Open();
  for (int i = 0; i < 25; ++i) {  // Several with the same time.
    ASSERT_TRUE(store->AddSession(SessionAt("s-" + std::to_string(100 + i), i / 4)).ok());
  }
  SessionQuery query{.count_max = 4};
  std::vector<std::string> seen;
  for (;;) {
    const auto page = store->ListSessions(query);
    ASSERT_TRUE(page.ok()) << page.status();
    if (page->empty()) break;
    for (const Session& session : *page) seen.push_back(session.id);
    query.after = SessionQuery::Position{page->back().started_unix_ms, page->back().id};
  }
  ASSERT_EQ(seen.size(), 25u);
  EXPECT_EQ(seen.front(), "s-124");
  EXPECT_EQ(seen.back(), "s-100");
  EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend()));
}

TEST_F(SqliteSessionsTest, EachFilterNarrowsTheList) {
  const auto store = Open();
  Session other = SessionAt("other", 200);
  other.node_id = "mi-2";
  other.principal = "arn:you";
  ASSERT_TRUE(store->AddSession(SessionAt("mine", 100)).ok());
  ASSERT_TRUE(store->AddSession(other).ok());
  ASSERT_TRUE(store->AddSession(SessionAt("over", 50)).ok());
  ASSERT_TRUE(store->EndSession({.id = "over", .ended_unix_ms = 60}).ok());
  const auto ids = [&](const SessionQuery& query) {
    std::string text;
    const auto found = store->ListSessions(query);
    for (const Session& session : *found) text += session.id + " ";
    return text;
  };
  EXPECT_EQ(ids({}), "other mine ");
  EXPECT_EQ(ids({.over = true}), "over ");
  EXPECT_EQ(ids({.node_id = "mi-2"}), "other ");
  EXPECT_EQ(ids({.principal = "arn:me"}), "mine ");
  EXPECT_EQ(ids({.id = "mine"}), "mine ");
  EXPECT_EQ(ids({.status = SessionStatus::kConnected}), "");
  EXPECT_EQ(ids({.started_from = 150}), "other ");
  EXPECT_EQ(ids({.started_to = 150}), "mine ");
}

}  // namespace
}  // namespace relay
