// Goal: sessions are found by each filter, in pages, of a month or older; they have limits of their
// own; and only a policy that names a link-local address lets a session go there.
// Method: requests against the whole API, a real store and a fake data plane.

#include "relay/api/sessions_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/http/amz_date.h"
#include "tests/unit/api/api_fixture.h"

namespace relay {
namespace {

using Json = nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

constexpr int64_t kDayMs = int64_t{24} * 3600 * 1000;

class SessionsApiTest : public ApiFixture {
 protected:
  std::string Start(const Json& more = Json::object(), const std::string& user = "admin") {
    Json wish = {{"Target", kNodeId}, {"Adit", {{"Version", 1}}}};
    wish.update(more);
    const Json answer = Call("StartSession", wish, user);
    return answer.value("SessionId", answer.value("__type", ""));
  }
  std::vector<std::string> Found(const std::string& state, const Json& filters = Json::array()) {
    const Json answer = Call("DescribeSessions", {{"State", state}, {"Filters", filters}});
    std::vector<std::string> ids;
    for (const Json& each : answer.at("Sessions")) ids.push_back(each.at("SessionId"));
    return ids;
  }
  static Json Filter(const std::string& key, const std::string& value) {
    return {{{"key", key}, {"value", value}}};
  }
  static Json Forward(const std::string& host) {
    return {{"DocumentName", "AWS-StartPortForwardingSessionToRemoteHost"},
            {"Parameters", {{"host", {host}}, {"portNumber", {"80"}}}}};
  }
};

TEST_F(SessionsApiTest, EachFilterNarrowsTheList) {
  const std::string first = Start({{"Reason", "disk"}});
  broker_.SessionJoined(first, "", now_);
  const int64_t between = now_ / 1000;
  now_ += 5000;
  const std::string second = Start();
  EXPECT_THAT(Found("Active"), ElementsAre(second, first));
  EXPECT_THAT(Found("Active", Filter("Target", kNodeId)), SizeIs(2));
  EXPECT_THAT(Found("Active", Filter("Target", "mi-7")), IsEmpty());
  EXPECT_THAT(Found("Active", Filter("Owner", "arn:aws:iam::000000000000:user/admin")), SizeIs(2));
  EXPECT_THAT(Found("Active", Filter("SessionId", first)), ElementsAre(first));
  EXPECT_THAT(Found("Active", Filter("Status", "Connected")), ElementsAre(first));
  EXPECT_THAT(Found("Active", Filter("Status", "Connecting")), ElementsAre(second));
  EXPECT_THAT(Found("Active", Filter("Status", "Disconnected")), IsEmpty());
  EXPECT_THAT(Found("Active", Filter("AccessType", "Standard")), SizeIs(2));
  EXPECT_THAT(Found("Active", Filter("AccessType", "JustInTime")), IsEmpty());
  EXPECT_THAT(Found("Active", Filter("InvokedAfter", engine::IsoDate(between))),
              ElementsAre(second));
  EXPECT_THAT(Found("Active", Filter("InvokedBefore", engine::IsoDate(between))),
              ElementsAre(first));
  EXPECT_EQ(ErrorOf("DescribeSessions", {{"State", "Active"}, {"Filters", Filter("Colour", "x")}}),
            "InvalidFilterKey");
  EXPECT_EQ(ErrorOf("DescribeSessions", {{"State", "Never"}}), "ValidationException");
  EXPECT_THAT(Found("History"), IsEmpty());
  EXPECT_EQ(ErrorOf("TerminateSession", {{"SessionId", second}}), "");
  EXPECT_THAT(Found("History"), ElementsAre(second));
  EXPECT_THAT(Found("Active"), ElementsAre(first));
}

TEST_F(SessionsApiTest, ASessionWhoseClientIsGoneForNowIsDisconnected) {
  const std::string first = Start();
  const std::string second = Start();
  broker_.SessionLost(first, now_);
  EXPECT_THAT(Found("Active", Filter("Status", "Disconnected")), IsEmpty()) << "it never came";
  for (const std::string& id : {first, second}) broker_.SessionJoined(id, "", now_);
  EXPECT_THAT(Found("Active", Filter("Status", "Disconnected")), ElementsAre(first));
  EXPECT_THAT(Found("Active", Filter("Status", "Connected")), ElementsAre(second));
  EXPECT_THAT(Found("Active"), SizeIs(2));
  broker_.SessionResumed(first, "", now_);
  EXPECT_THAT(Found("Active", Filter("Status", "Connected")), SizeIs(2));
  broker_.SessionLost(first, now_);
  EXPECT_EQ(ErrorOf("TerminateSession", {{"SessionId", first}}), "");
  EXPECT_THAT(Found("Active", Filter("Status", "Disconnected")), IsEmpty());
}

// Trap P23: the AWS CLI sends whatever fits the types and the minima.
TEST_F(SessionsApiTest, WhatTheCliDoesNotCheckIsChecked) {
  const auto type = [&](const char* operation, const Json& input) {
    return Call(operation, input).value("__type", "");
  };
  EXPECT_EQ(type("DescribeSessions", {{"State", "Sleeping"}}), "ValidationException");
  EXPECT_EQ(type("DescribeSessions", {{"State", "Active"}, {"MaxResults", 201}}),
            "ValidationException");
  EXPECT_EQ(type("DescribeSessions", {{"State", "Active"}, {"NextToken", std::string(9'000, 'x')}}),
            "ValidationException");
  EXPECT_EQ(type("StartSession", {{"Target", std::string(401, 'm')}}), "ValidationException");
  EXPECT_EQ(type("StartSession", {{"Target", kNodeId}, {"DocumentName", "a b"}}),
            "ValidationException");
  EXPECT_EQ(type("StartSession", {{"Target", kNodeId}, {"Reason", "two\nlines"}}),
            "ValidationException");
  EXPECT_EQ(type("ResumeSession", {{"SessionId", std::string(97, 's')}}), "ValidationException");
}

TEST_F(SessionsApiTest, WhatIsOlderThanAMonthIsShownToWhoAsksForIt) {
  const std::string old = Start();
  EXPECT_EQ(ErrorOf("TerminateSession", {{"SessionId", old}}), "");
  now_ += 31 * kDayMs;
  EXPECT_THAT(Found("History"), IsEmpty());
  EXPECT_THAT(Found("History", Filter("InvokedAfter", "2020-01-01T00:00:00Z")), ElementsAre(old));
}

TEST_F(SessionsApiTest, ASessionSaysHowLongItMayLast) {
  const std::string content = R"({"schemaVersion": "1.0", "sessionType": "Standard_Stream",)"
                              R"( "inputs": {"maxSessionDuration": "7"}})";
  ASSERT_EQ(ErrorOf("CreateDocument",
                    {{"Name", "Short"}, {"Content", content}, {"DocumentType", "Session"}}),
            "");
  Start();
  Start({{"DocumentName", "Short"}});
  const Json shown = Call("DescribeSessions", {{"State", "Active"}})["Sessions"];
  EXPECT_EQ(shown[0]["MaxSessionDuration"], "7");
  EXPECT_EQ(shown[1]["MaxSessionDuration"], "1440");
}

TEST_F(SessionsApiTest, ANameOfOneNodeIsATargetAndPoliciesSeeItsId) {
  AddUserWith("alice", {{"Version", "2012-10-17"},
                        {"Statement",
                         {{{"Effect", "Allow"},
                           {"Action", "ssm:StartSession"},
                           {"Resource",
                            {std::string("arn:aws:ssm:*:*:managed-instance/") + kNodeId,
                             "arn:aws:ssm:*:*:document/*"}}}}}});
  const Json wish = {{"Target", "web"}, {"Adit", {{"Version", 1}}}};
  const Json answer = Call("StartSession", wish, "alice");
  EXPECT_EQ(answer["Adit"].value("NodeId", ""), kNodeId) << answer;
  EXPECT_EQ(answer["Adit"].value("NodeName", ""), "web");
  EXPECT_EQ(store_->FindSession(answer.value("SessionId", ""))->node_id, kNodeId);
  EXPECT_EQ(ErrorOf("StartSession", {{"Target", "we"}}), "TargetNotConnected");
  // Of two, neither is meant.
  ASSERT_TRUE(store_->AddNode({.id = "mi-00000000000000001", .name = "web"}).ok());
  EXPECT_EQ(ErrorOf("StartSession", wish), "TargetNotConnected");
  EXPECT_EQ(ErrorOf("StartSession", wish, "alice"), "AccessDeniedException");
}

TEST_F(SessionsApiTest, OnlyWhoStartedASessionCanResumeItAndNotOnceItIsOver) {
  AddUser("bob", "arn:aws:iam::aws:policy/AditAdmin");
  const std::string id = Start();
  const Json resumed = Call("ResumeSession", {{"SessionId", id}});
  EXPECT_EQ(resumed["SessionId"], id);
  EXPECT_FALSE(resumed.value("TokenValue", "").empty());
  EXPECT_EQ(ErrorOf("ResumeSession", {{"SessionId", id}}, "bob"), "AccessDeniedException");
  EXPECT_EQ(ErrorOf("ResumeSession", {{"SessionId", "admin-0"}}), "DoesNotExistException");
  EXPECT_EQ(ErrorOf("TerminateSession", {{"SessionId", id}}), "");
  const Json over = Call("ResumeSession", {{"SessionId", id}});
  EXPECT_EQ(over["SessionId"], id);
  EXPECT_FALSE(over.contains("TokenValue"));
}

TEST_F(SessionsApiTest, OnlyAPolicyThatNamesALinkLocalAddressLetsASessionGoThere) {
  Start(Forward("169.254.169.254"));
  EXPECT_FALSE(plane_.grants.back().plan.may_be_link_local) << "an administrator named nothing";
  AddUserWith("alice",
              {{"Version", "2012-10-17"},
               {"Statement",
                {{{"Effect", "Allow"}, {"Action", "ssm:*"}, {"Resource", "*"}},
                 {{"Effect", "Allow"},
                  {"Action", "ssm:StartSession"},
                  {"Resource", "*"},
                  {"Condition",
                   {{"StringEquals",
                     {{"adit:RemoteHost",
                       {"169.254.169.254", "fd00:ec2::254", "metadata", "2852039166"}}}}}}}}}});
  const std::string session = Start(Forward("169.254.169.254"), "alice");
  EXPECT_TRUE(plane_.grants.back().plan.may_be_link_local);
  Start(Forward("FD00:EC2::254"), "alice");
  EXPECT_TRUE(plane_.grants.back().plan.may_be_link_local);
  for (const char* host : {"169.254.169.253", "metadata", "2852039166", "0xa9fea9fe"}) {
    Start(Forward(host), "alice");
    EXPECT_FALSE(plane_.grants.back().plan.may_be_link_local) << host;
  }
  // It lives as long as it is named, though all else is allowed still.
  now_ += 2000;
  api_.Tick(now_);
  EXPECT_THAT(plane_.ended, IsEmpty());
  EXPECT_TRUE(store_->Iam()
                  .PutInlinePolicy(
                      "AIDAalice",
                      {"p", Json({{"Version", "2012-10-17"},
                                  {"Statement",
                                   {{"Effect", "Allow"}, {"Action", "ssm:*"}, {"Resource", "*"}}}})
                                .dump()})
                  .ok());
  now_ += 2000;
  api_.Tick(now_);
  EXPECT_THAT(plane_.ended, SizeIs(2));
  EXPECT_THAT(plane_.ended, Contains(Pair(session, HasSubstr("no statement names its "
                                                             "adit:RemoteHost"))));
}

}  // namespace
}  // namespace relay
