// Goal: nodes are found by each filter, in pages, and shown as connected, lost or inactive; one
// that is deregistered is cut off; tags of nodes and documents are what policies see. Method:
// requests against the whole API, a real store and a fake data plane.

#include "relay/api/nodes_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/unit/api/api_fixture.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

class NodesApiTest : public ApiFixture {
 protected:
  Json Nodes(const Json& input = Json::object()) {
    return Call("DescribeInstanceInformation", input).at("InstanceInformationList");
  }
  std::vector<std::string> Found(const std::string& key, const std::vector<std::string>& values) {
    std::vector<std::string> names;
    for (const Json& node : Nodes({{"Filters", {{{"Key", key}, {"Values", values}}}}})) {
      names.push_back(node["Name"]);
    }
    return names;
  }
  void Tag(const std::string& key, const std::string& value, const std::string& id = kNodeId,
           const std::string& type = "ManagedInstance") {
    EXPECT_EQ(ErrorOf("AddTagsToResource", {{"ResourceType", type},
                                            {"ResourceId", id},
                                            {"Tags", {{{"Key", key}, {"Value", value}}}}}),
              "");
  }
  Json Wish() { return {{"Target", kNodeId}, {"Adit", {{"Version", 1}}}}; }
};

TEST_F(NodesApiTest, ANodeThatIsAwayForAMonthIsInactive) {
  EXPECT_EQ(Nodes()[0]["PingStatus"], "Online");
  plane_.nodes.clear();
  EXPECT_EQ(Nodes()[0]["PingStatus"], "ConnectionLost");
  EXPECT_THAT(Found("PingStatus", {"ConnectionLost"}), SizeIs(1));
  now_ = kStart + 30 * kDayMs;
  EXPECT_EQ(Nodes()[0]["PingStatus"], "ConnectionLost");
  EXPECT_EQ(Nodes()[0]["PingStatus"], "Inactive");
  EXPECT_EQ(Nodes()[0]["LastPingDateTime"], kStart / 1000.0);
  EXPECT_THAT(Found("PingStatus", {"Inactive"}), SizeIs(1));
  EXPECT_THAT(Found("PingStatus", {"ConnectionLost", "Online"}), IsEmpty());
}

TEST_F(NodesApiTest, EachFilterNarrowsTheList) {
  EXPECT_TRUE(store_
                  ->AddNode({.id = "mi-1",
                             .name = "db",
                             .platform = "Windows 11",
                             .agent_version = "2.0.0",
                             .activation_id = "act",
                             .iam_role = "role"})
                  .ok());
  Tag("env", "dev");
  EXPECT_THAT(Found("InstanceIds", {"mi-1", "mi-2"}), ElementsAre("db"));
  EXPECT_THAT(Found("adit:Name", {"db"}), ElementsAre("db"));
  EXPECT_THAT(Found("adit:Name", {"d"}), IsEmpty());
  EXPECT_THAT(Found("AgentVersion", {"1.2.3"}), ElementsAre("web"));
  EXPECT_THAT(Found("PingStatus", {"Online"}), ElementsAre("web"));
  EXPECT_THAT(Found("PlatformTypes", {"Windows"}), ElementsAre("db"));
  EXPECT_THAT(Found("ActivationIds", {"act"}), ElementsAre("db"));
  EXPECT_THAT(Found("IamRole", {"role"}), ElementsAre("db"));
  EXPECT_THAT(Found("ResourceType", {"ManagedInstance"}), ElementsAre("web", "db"));
  EXPECT_THAT(Found("ResourceType", {"EC2Instance"}), IsEmpty());
  EXPECT_THAT(Found("AssociationStatus", {"Success"}), IsEmpty());
  EXPECT_THAT(Found("tag:env", {"prod", "dev"}), ElementsAre("web"));
  EXPECT_THAT(Found("tag:env", {"prod"}), IsEmpty());
  EXPECT_THAT(Found("tag-key", {"env"}), ElementsAre("web"));
  const Json old = {{{"key", "PlatformTypes"}, {"valueSet", {"Linux"}}}};
  EXPECT_THAT(Nodes({{"InstanceInformationFilterList", old}}), SizeIs(1));

  const auto fails = [this](const Json& input) {
    return ErrorOf("DescribeInstanceInformation", input);
  };
  const auto filter = [](const std::string& key, const std::string& value) {
    return Json({{"Filters", {{{"Key", key}, {"Values", {value}}}}}});
  };
  EXPECT_EQ(fails(filter("Colour", "red")), "InvalidFilterKey");
  EXPECT_EQ(fails(filter("PingStatus", "Red")), "InvalidInstanceInformationFilterValue");
  EXPECT_EQ(fails(filter("PlatformTypes", "Plan9")), "InvalidInstanceInformationFilterValue");
  EXPECT_EQ(fails({{"InstanceInformationFilterList", {{{"key", "tag:a"}, {"valueSet", {"b"}}}}}}),
            "InvalidFilterKey");
  Json both = filter("AgentVersion", "1");
  both["InstanceInformationFilterList"] = old;
  EXPECT_EQ(fails(both), "ValidationException");
}

TEST_F(NodesApiTest, PagesHaveEachNodeOnceWithAFilterToo) {
  for (int i = 0; i < 17; ++i) {
    const std::string id = "mi-1" + std::to_string(100 + i);
    EXPECT_TRUE(store_->AddNode({.id = id, .name = id, .iam_role = i % 2 ? "a" : "b"}).ok());
  }
  for (const bool filtered : {false, true}) {
    Json input = {{"MaxResults", 5}};
    if (filtered) input["Filters"] = {{{"Key", "IamRole"}, {"Values", {"b"}}}};
    std::vector<std::string> seen;
    for (;;) {
      const Json answer = Call("DescribeInstanceInformation", input);
      for (const Json& node : answer["InstanceInformationList"]) seen.push_back(node["InstanceId"]);
      if (!answer.contains("NextToken")) break;
      EXPECT_THAT(answer["InstanceInformationList"], SizeIs(5));
      input["NextToken"] = answer["NextToken"];
    }
    EXPECT_EQ(seen.size(), filtered ? 9u : 18u);
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size());
  }
  EXPECT_EQ(ErrorOf("DescribeInstanceInformation", {{"NextToken", "x"}}), "InvalidNextToken");
}

TEST_F(NodesApiTest, ADeregisteredNodeIsCutOffAndForgotten) {
  Tag("env", "dev");
  const std::string session = Call("StartSession", Wish())["SessionId"];
  EXPECT_EQ(ErrorOf("DeregisterManagedInstance", {{"InstanceId", kNodeId}}), "");
  EXPECT_THAT(plane_.ended, Contains(Pair(session, "The node was deregistered.")));
  EXPECT_THAT(plane_.cut, ElementsAre(Pair(kNodeId, "The node was deregistered.")));
  EXPECT_TRUE(IsOver(store_->FindSession(session)->status));
  EXPECT_THAT(Nodes(), IsEmpty());
  EXPECT_THAT(*store_->Iam().ListTags("arn:aws:ssm:adit:000000000000:managed-instance/mi-0123456789"
                                      "abcdef0"),
              IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(broker_.NodeConnected({.node_id = kNodeId}, now_)));
  EXPECT_TRUE(absl::IsNotFound(api_.RenewCertificate(kNodeId, {}, "", now_).status()));
  EXPECT_EQ(ErrorOf("StartSession", Wish()), "TargetNotConnected");
  EXPECT_EQ(ErrorOf("DeregisterManagedInstance", {{"InstanceId", kNodeId}}), "InvalidInstanceId");
}

TEST_F(NodesApiTest, ACertificateIsRenewedForTheNodesOwnKeyAlone) {
  using engine::crypto::Certificate;
  using engine::crypto::PrivateKey;
  const PrivateKey own = PrivateKey::Generate();
  const auto request = [](const PrivateKey& key) {
    return engine::test::Must(engine::crypto::CreateSigningRequest(key, kNodeId));
  };
  const std::string first = engine::test::Must(certificates_.Issue(kNodeId, request(own), now_));
  const auto key = engine::test::Must(Certificate::FromPem(first)).key_fingerprint();
  const auto renewed = api_.RenewCertificate(kNodeId, key, request(own), now_ + kDayMs);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(engine::test::Must(Certificate::FromPem(*renewed)).key_fingerprint(), key);
  const auto refused =
      api_.RenewCertificate(kNodeId, key, request(PrivateKey::Generate()), now_ + kDayMs);
  EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
  const std::string record = store_->ListAudit(0, 1'000)->back().record;
  EXPECT_THAT(record, testing::HasSubstr("RenewCertificate"));
  EXPECT_THAT(record, testing::HasSubstr("ValidationException"));
}

TEST_F(NodesApiTest, WhoMayNotDeregisterCutsNobodyOff) {
  AddUser("bob", "arn:aws:iam::aws:policy/AditOperator");
  EXPECT_EQ(ErrorOf("DeregisterManagedInstance", {{"InstanceId", kNodeId}}, "bob"),
            "AccessDeniedException");
  EXPECT_THAT(plane_.cut, IsEmpty());
  EXPECT_TRUE(store_->FindNode(kNodeId).ok());
}

TEST_F(NodesApiTest, TheRoleOfANodeCanBeChanged) {
  EXPECT_EQ(ErrorOf("UpdateManagedInstanceRole", {{"InstanceId", kNodeId}, {"IamRole", "other"}}),
            "");
  EXPECT_EQ(Nodes()[0]["IamRole"], "other");
  EXPECT_EQ(ErrorOf("UpdateManagedInstanceRole", {{"InstanceId", "mi-7"}, {"IamRole", "other"}}),
            "InvalidInstanceId");
  EXPECT_EQ(ErrorOf("UpdateManagedInstanceRole", {{"InstanceId", kNodeId}}), "ValidationException");
}

TEST_F(NodesApiTest, TagsOfNodesAndDocumentsAreWhatPoliciesSee) {
  const std::string content =
      R"({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}})";
  ASSERT_EQ(ErrorOf("CreateDocument",
                    {{"Name", "Mine"}, {"Content", content}, {"DocumentType", "Session"}}),
            "");
  AddUserWith("alice", {{"Version", "2012-10-17"},
                        {"Statement",
                         {{"Effect", "Allow"},
                          {"Action", "ssm:StartSession"},
                          {"Resource", "*"},
                          {"Condition", {{"StringEquals", {{"ssm:resourceTag/env", "dev"}}}}}}}});
  Json wish = Wish();
  wish["DocumentName"] = "Mine";
  Tag("env", "dev");
  EXPECT_EQ(ErrorOf("StartSession", wish, "alice"), "AccessDeniedException")
      << "the document has no tag";
  Tag("env", "dev", "Mine", "Document");
  EXPECT_EQ(ErrorOf("StartSession", wish, "alice"), "");
  EXPECT_EQ(Call("ListTagsForResource",
                 {{"ResourceType", "Document"}, {"ResourceId", "Mine"}})["TagList"],
            Json({{{"Key", "env"}, {"Value", "dev"}}}));
  EXPECT_EQ(Call("DescribeDocument", {{"Name", "Mine"}})["Document"]["Tags"],
            Json({{{"Key", "env"}, {"Value", "dev"}}}));
  EXPECT_EQ(ErrorOf("RemoveTagsFromResource",
                    {{"ResourceType", "Document"}, {"ResourceId", "Mine"}, {"TagKeys", {"env"}}}),
            "");
  EXPECT_EQ(ErrorOf("StartSession", wish, "alice"), "AccessDeniedException");
}

TEST_F(NodesApiTest, WhatCannotBeTaggedIsNamed) {
  const auto fails = [this](const std::string& type, const std::string& id, const Json& more) {
    Json input = {{"ResourceType", type}, {"ResourceId", id}};
    input.update(more);
    return ErrorOf("AddTagsToResource", input);
  };
  const Json tags = {{"Tags", {{{"Key", "a"}, {"Value", "b"}}}}};
  EXPECT_EQ(fails("Parameter", "x", tags), "InvalidResourceType");
  EXPECT_EQ(fails("ManagedInstance", "mi-7", tags), "InvalidResourceId");
  EXPECT_EQ(fails("Document", "AWS-StartSSHSession", tags), "InvalidResourceId");
  EXPECT_EQ(fails("ManagedInstance", kNodeId, Json::object()), "ValidationException");
  EXPECT_EQ(fails("ManagedInstance", kNodeId, {{"Tags", {{{"Key", "aws:x"}, {"Value", ""}}}}}),
            "ValidationException");
  Json many = Json::array();
  for (int i = 0; i < 51; ++i) many.push_back({{"Key", "k" + std::to_string(i)}, {"Value", ""}});
  EXPECT_EQ(fails("ManagedInstance", kNodeId, {{"Tags", many}}), "TooManyTagsError");
  EXPECT_EQ(Call("ListTagsForResource",
                 {{"ResourceType", "ManagedInstance"}, {"ResourceId", kNodeId}})["TagList"],
            Json::array())
      << "nothing of it was kept";
}

}  // namespace
}  // namespace relay
