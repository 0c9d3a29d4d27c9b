// Goal: an activation registers as many nodes as it may, as long as it may, with its role and tags;
// it is found by each filter, in pages, and gone when it is deleted.
// Method: requests against the whole API and a real store.

#include "relay/api/activations_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/unit/api/api_fixture.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using testing::Contains;

class ActivationsApiTest : public ApiFixture {
 protected:
  Json Create(const Json& input = {{"IamRole", "service"}}) {
    return Call("CreateActivation", input);
  }
  std::set<std::string> Found(const Json& filters) {
    const Json answer = Call("DescribeActivations", {{"Filters", filters}});
    std::set<std::string> ids;
    for (const Json& each : answer.at("ActivationList")) ids.insert(each.at("ActivationId"));
    return ids;
  }
  static Json Filter(const std::string& key, const std::string& value) {
    return {{{"FilterKey", key}, {"FilterValues", {value}}}};
  }
};

TEST_F(ActivationsApiTest, ItsRoleAndTagsAreThoseOfTheNodesThatItRegisters) {
  const Json made = Create({{"IamRole", "service"},
                            {"Tags", {{{"Key", "env"}, {"Value", "dev"}}}},
                            {"RegistrationLimit", 2}});
  for (int i = 0; i < 2; ++i) {
    const std::string node = Enroll(made);
    ASSERT_TRUE(node.starts_with("mi-")) << node;
    EXPECT_EQ(store_->FindNode(node)->iam_role, "service");
    const Json tags =
        Call("ListTagsForResource", {{"ResourceType", "ManagedInstance"}, {"ResourceId", node}});
    EXPECT_EQ(tags["TagList"], Json({{{"Key", "env"}, {"Value", "dev"}}}));
  }
  EXPECT_NE(Enroll(made).substr(0, 3), "mi-") << "the limit is 2";
}

TEST_F(ActivationsApiTest, ItIsShownWithWhatBecameOfIt) {
  const Json made = Create({{"IamRole", "service"},
                            {"Description", "d"},
                            {"DefaultInstanceName", "n"},
                            {"Tags", {{{"Key", "env"}, {"Value", "dev"}}}}});
  Enroll(made);
  Json shown = Call("DescribeActivations", Json::object())["ActivationList"][0];
  EXPECT_EQ(shown["RegistrationsCount"], 1);
  EXPECT_EQ(shown["RegistrationLimit"], 1);
  EXPECT_EQ(shown["IamRole"], "service");
  EXPECT_EQ(shown["Description"], "d");
  EXPECT_EQ(shown["DefaultInstanceName"], "n");
  EXPECT_EQ(shown["Tags"], Json({{{"Key", "env"}, {"Value", "dev"}}}));
  EXPECT_EQ(shown["Expired"], false);
  EXPECT_FALSE(shown.contains("ActivationCode"));
  now_ += kActivationDefaultMs;
  shown = Call("DescribeActivations", Json::object())["ActivationList"][0];
  EXPECT_EQ(shown["Expired"], true);
}

TEST_F(ActivationsApiTest, EachFilterNarrowsTheList) {
  const std::string first = Create({{"IamRole", "a"}})["ActivationId"];
  const std::string second =
      Create({{"IamRole", "b"}, {"DefaultInstanceName", "web"}})["ActivationId"];
  EXPECT_EQ(Found(Json::array()), (std::set<std::string>{first, second}));
  EXPECT_EQ(Found(Filter("ActivationIds", first)), std::set<std::string>{first});
  EXPECT_EQ(Found(Filter("IamRole", "b")), std::set<std::string>{second});
  EXPECT_EQ(Found(Filter("DefaultInstanceName", "web")), std::set<std::string>{second});
  EXPECT_EQ(Found(Filter("DefaultInstanceName", "we")), std::set<std::string>{});
  EXPECT_EQ(ErrorOf("DescribeActivations", {{"Filters", Filter("Colour", "red")}}),
            "InvalidFilter");
}

TEST_F(ActivationsApiTest, PagesHaveEachOfThemOnceNewestFirst) {
  std::vector<std::string> made;
  for (int i = 0; i < 5; ++i) made.insert(made.begin(), Create()["ActivationId"]);
  std::vector<std::string> seen;
  Json input = {{"MaxResults", 2}};
  for (int page = 0; page < 3; ++page) {
    const Json answer = Call("DescribeActivations", input);
    for (const Json& each : answer["ActivationList"]) seen.push_back(each["ActivationId"]);
    EXPECT_EQ(answer.contains("NextToken"), page < 2);
    if (answer.contains("NextToken")) input["NextToken"] = answer["NextToken"];
  }
  EXPECT_EQ(seen, made);
  EXPECT_EQ(ErrorOf("DescribeActivations", {{"NextToken", "x"}}), "InvalidNextToken");
}

TEST_F(ActivationsApiTest, ADeletedOneRegistersNobodyAndItsNodesStay) {
  const Json made = Create({{"IamRole", "a"}, {"RegistrationLimit", 9}});
  const std::string node = Enroll(made);
  const std::string id = made["ActivationId"];
  EXPECT_EQ(ErrorOf("DeleteActivation", {{"ActivationId", id}}), "");
  EXPECT_EQ(Enroll(made), "InvalidActivation");
  EXPECT_TRUE(store_->FindNode(node).ok());
  EXPECT_EQ(ErrorOf("DeleteActivation", {{"ActivationId", id}}), "InvalidActivation");
  EXPECT_EQ(ErrorOf("DeleteActivation", {{"ActivationId", "nonsense"}}), "InvalidActivationId");
  EXPECT_THAT(Events(), Contains("DeleteActivation").Times(3));
}

TEST_F(ActivationsApiTest, APolicyMayDemandTags) {
  AddUserWith("alice", {{"Version", "2012-10-17"},
                        {"Statement",
                         {{"Effect", "Allow"},
                          {"Action", "ssm:CreateActivation"},
                          {"Resource", "*"},
                          {"Condition", {{"StringEquals", {{"aws:RequestTag/env", "dev"}}}}}}}});
  EXPECT_EQ(ErrorOf("CreateActivation", {{"IamRole", "r"}}, "alice"), "AccessDeniedException");
  EXPECT_EQ(ErrorOf("CreateActivation",
                    {{"IamRole", "r"}, {"Tags", {{{"Key", "env"}, {"Value", "dev"}}}}}, "alice"),
            "");
}

}  // namespace
}  // namespace relay
