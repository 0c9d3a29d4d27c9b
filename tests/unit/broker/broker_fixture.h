// A broker with a fake data plane, a real store and one node.

#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "relay/broker/broker.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/fake_data_plane.h"
#include "tests/support/temporary_folder.h"

namespace relay {

inline constexpr int64_t kNow = 1'700'000'000'000;
inline constexpr char kNode[] = "mi-1";
inline constexpr char kOwner[] = "arn:alice";

class BrokerFixture : public testing::Test {
 protected:
  BrokerFixture() : store(OpenStore()), broker(*store, plane) {
    EXPECT_TRUE(store->AddNode({.id = kNode, .name = "web"}).ok());
    plane.nodes[kNode] = 3;
  }
  std::unique_ptr<SqliteStore> OpenStore() {
    auto opened = SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }

  // Wish is for a shell on the node.
  static StartRequest Wish() {
    StartRequest request;
    request.user_name = "alice";
    request.principal = kOwner;
    request.node_id = kNode;
    return request;
  }

  SessionStatus StatusOf(const std::string& id) { return store->FindSession(id)->status; }
  std::vector<std::string> Events() {
    std::vector<std::string> names;
    const auto events = store->ListAudit(0, 10'000);
    for (const AuditEvent& event : *events) names.push_back(event.name);
    return names;
  }
  std::string LastRecord() { return store->ListAudit(0, 10'000)->back().record; }

  TemporaryFolder folder;
  FakeDataPlane plane;
  std::unique_ptr<SqliteStore> store;
  Broker broker;
};

}  // namespace relay
