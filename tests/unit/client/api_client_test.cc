// Goal: calls are asked as the API wants them, answers of any form are survived, and lists are
// whole. Method: a transport that remembers requests and plays answers.

#include "client/api_client.h"

#include <gtest/gtest.h>

#include <deque>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/say.h"

namespace client {
namespace {

using Json = nlohmann::json;

class ApiClientTest : public testing::Test {
 protected:
  ApiClientTest()
      : api_(
            [this](engine::HttpRequest request) -> absl::StatusOr<engine::HttpResponse> {
              requests_.push_back(std::move(request));
              engine::HttpResponse response = answers_.front();
              answers_.pop_front();
              return response;
            },
            "relay.example.net:8443",
            {.access_key_id = "AKIAEXAMPLE",
             .secret_access_key = "s",
             .session_token = "tok",
             .source = ""},
            [] { return int64_t{1'800'000'000}; }) {}

  void Answer(const std::string& body, int status = 200) {
    engine::HttpResponse response;
    response.status = status;
    response.body = body;
    answers_.push_back(response);
  }
  Json Body(size_t index) const { return Json::parse(requests_[index].body, nullptr, false); }

  std::vector<engine::HttpRequest> requests_;
  std::deque<engine::HttpResponse> answers_;
  ApiClient api_;
};

const SessionWish kShell{
    .target = "mi-1", .document = "", .parameters = {}, .reason = "", .client_key = ""};

TEST_F(ApiClientTest, RequestsAreSignedAndNameTheirHost) {
  Answer("{}");
  ASSERT_TRUE(api_.ListNodes().ok());
  const engine::HttpRequest& request = requests_.at(0);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers.Get("Host"), "relay.example.net:8443");
  EXPECT_EQ(request.headers.Get("X-Amz-Target"), "AmazonSSM.DescribeInstanceInformation");
  EXPECT_EQ(request.headers.Get("X-Amz-Security-Token"), "tok");
  const std::string authorization(request.headers.Get("Authorization"));
  EXPECT_NE(authorization.find("Credential=AKIAEXAMPLE/20270115/adit/ssm/aws4_request"),
            std::string::npos)
      << authorization;
}

TEST_F(ApiClientTest, IamIsAskedByAFormAndErrorsKeepTheirCodes) {
  Answer("<CreateUserResponse/>");
  ASSERT_TRUE(api_.CallIam("CreateUser", {{"UserName", "a b&c"}}).ok());
  const engine::HttpRequest& request = requests_.at(0);
  EXPECT_EQ(request.body, "Action=CreateUser&Version=2010-05-08&UserName=a%20b%26c");
  EXPECT_NE(request.headers.Get("Authorization").find("/iam/aws4_request"), std::string::npos);

  Answer(
      "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>none</Message></Error>"
      "</ErrorResponse>",
      404);
  EXPECT_EQ(ApiCodeOf(api_.CallIam("GetUser", {}).status()), "NoSuchEntity");
  Answer(R"({"__type":"InvalidDocument","message":"none"})", 400);
  EXPECT_EQ(ApiCodeOf(api_.CallSsm("GetDocument", "{}").status()), "InvalidDocument");
  EXPECT_EQ(ApiCodeOf(absl::InternalError("ours")), "");
}

TEST_F(ApiClientTest, ADenialNamesTheRequest) {
  engine::HttpResponse response;
  response.status = 400;
  response.headers.Add("x-amzn-RequestId", "1b2c");
  response.body = R"({"__type":"AccessDeniedException","message":"because no policy allows it"})";
  answers_.push_back(response);
  const std::string text = TextOf(api_.CallSsm("GetDocument", "{}").status());
  EXPECT_NE(text.find("because no policy allows it"), std::string::npos);
  EXPECT_NE(text.find("(request 1b2c)"), std::string::npos);
}

TEST_F(ApiClientTest, NodesOfAllPagesAreListed) {
  Answer(R"({"InstanceInformationList":[{"InstanceId":"mi-1","Name":"a","PingStatus":"Online",
             "LastPingDateTime":1700000000.5,"PlatformName":"Debian","PlatformVersion":"12",
             "AgentVersion":"0.1.0"}],"NextToken":"more"})");
  Answer(R"({"InstanceInformationList":[{"InstanceId":"mi-2","ComputerName":"b",
             "PingStatus":"ConnectionLost"},{"Name":"no id"},7]})");
  const auto nodes = api_.ListNodes();
  ASSERT_TRUE(nodes.ok()) << TextOf(nodes.status());
  ASSERT_EQ(nodes->size(), 2u);
  EXPECT_EQ((*nodes)[0].name, "a");
  EXPECT_TRUE((*nodes)[0].online);
  EXPECT_EQ((*nodes)[0].last_seen, 1'700'000'000);
  EXPECT_EQ((*nodes)[0].platform, "Debian 12");
  EXPECT_EQ((*nodes)[1].name, "b");
  EXPECT_FALSE((*nodes)[1].online);
  EXPECT_EQ(Body(1)["NextToken"], "more");
}

TEST_F(ApiClientTest, ANodeIsLookedForByItsIdAndThenByItsName) {
  Answer(R"({"InstanceInformationList":[{"InstanceId":"mi-1","Name":"a"}]})");
  ASSERT_EQ(api_.FindNodes("mi-1")->size(), 1U);
  EXPECT_EQ(Body(0)["Filters"], Json::parse(R"([{"Key":"InstanceIds","Values":["mi-1"]}])"));

  Answer(R"({"InstanceInformationList":[]})");
  Answer(R"({"InstanceInformationList":[{"InstanceId":"mi-2","Name":"mi-x"}]})");
  ASSERT_EQ(api_.FindNodes("mi-x")->size(), 1U);
  EXPECT_EQ(Body(2)["Filters"], Json::parse(R"([{"Key":"adit:Name","Values":["mi-x"]}])"));

  Answer(R"({"__type":"InvalidFilterKey","message":"There is no filter adit:Name."})", 400);
  EXPECT_EQ(ApiCodeOf(api_.FindNodes("a").status()), "InvalidFilterKey");
  EXPECT_EQ(requests_.size(), 4U);
}

TEST_F(ApiClientTest, StartSessionAsksForANativeOne) {
  Answer(R"({"SessionId":"s-1","TokenValue":"t","StreamUrl":"wss://x","Adit":{"Loop":3}})");
  const auto session = api_.StartSession({.target = "mi-1",
                                          .document = "AWS-StartNonInteractiveCommand",
                                          .parameters = {{"command", "ls -l"}},
                                          .reason = "why",
                                          .client_key = ""});
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_EQ(session->id, "s-1");
  EXPECT_EQ(session->ticket.token, "t");
  EXPECT_EQ(session->ticket.loop, 3u);
  EXPECT_FALSE(session->sealed.has_value());
  const Json body = Body(0);
  EXPECT_EQ(body["Target"], "mi-1");
  EXPECT_EQ(body["DocumentName"], "AWS-StartNonInteractiveCommand");
  EXPECT_EQ(body["Parameters"]["command"], Json::array({"ls -l"}));
  EXPECT_EQ(body["Adit"]["Version"], 1);
  EXPECT_EQ(body["Reason"], "why");
}

TEST_F(ApiClientTest, AWishForASealedSessionCarriesOurKeyAndReadsTheNodes) {
  Answer(R"({"SessionId":"s-1","TokenValue":"t","Adit":{"Loop":2,"Carriage":"sealed",
             "JoinToken":"j","SessionKey":"k","NodeKey":"n","Signature":"g"}})");
  SessionWish wish = kShell;
  wish.client_key = std::string(64, 'a');
  const auto session = api_.StartSession(wish);
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_EQ(session->ticket.token, "j");
  EXPECT_EQ(session->ticket.loop, 2u);
  ASSERT_TRUE(session->sealed.has_value());
  EXPECT_EQ(session->sealed->session_key, "k");
  EXPECT_EQ(session->sealed->node_key, "n");
  EXPECT_EQ(session->sealed->signature, "g");
  EXPECT_EQ(Body(0)["Adit"],
            (Json{{"Version", 1}, {"Carriage", "sealed"}, {"ClientKey", std::string(64, 'a')}}));
}

TEST_F(ApiClientTest, AWishThatLeavesItToTheDocumentBringsAKeyAndReadsEitherAnswer) {
  SessionWish wish = kShell;
  wish.client_key = std::string(64, 'a');
  wish.if_demanded = true;
  Answer(R"({"SessionId":"s-1","Adit":{"Loop":2,"Carriage":"sealed","JoinToken":"j"}})");
  EXPECT_TRUE(api_.StartSession(wish)->sealed.has_value());
  EXPECT_EQ(Body(0)["Adit"],
            (Json{{"Version", 1}, {"Carriage", "inspected"}, {"ClientKey", std::string(64, 'a')}}));
  Answer(R"({"SessionId":"s-1","TokenValue":"t","Adit":{"Loop":2,"Carriage":"inspected"}})");
  const auto session = api_.StartSession(wish);
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_FALSE(session->sealed.has_value());
  EXPECT_EQ(session->ticket.token, "t");
}

TEST_F(ApiClientTest, ASealedAnswerToNoSuchWishIsRefused) {
  Answer(R"({"SessionId":"s-1","TokenValue":"t","Adit":{"Carriage":"sealed","JoinToken":"j"}})");
  EXPECT_FALSE(api_.StartSession(kShell).ok());
}

TEST_F(ApiClientTest, ALaneIsAskedForByASignedRequest) {
  const engine::HttpRequest request = api_.OpenLaneRequest("s-1");
  EXPECT_EQ(request.headers.Get("X-Amz-Target"), "Adit.OpenLane");
  EXPECT_FALSE(request.headers.Get("Authorization").empty());
  EXPECT_EQ(Json::parse(request.body, nullptr, false), (Json{{"SessionId", "s-1"}}));
  engine::HttpResponse response;
  response.body = R"({"JoinToken":"j","Loop":1})";
  const auto ticket = api_.ReadOpenLane(response);
  ASSERT_TRUE(ticket.ok()) << TextOf(ticket.status());
  EXPECT_EQ(ticket->token, "j");
  EXPECT_EQ(ticket->loop, 1u);
  for (const char* body : {"", "[]", "{}", R"({"JoinToken":7})"}) {
    response.body = body;
    EXPECT_FALSE(api_.ReadOpenLane(response).ok()) << body;
  }
}

TEST_F(ApiClientTest, WhyASessionEndedIsRead) {
  const engine::HttpRequest request = api_.FindEndedRequest("s-1");
  EXPECT_EQ(request.headers.Get("X-Amz-Target"), "AmazonSSM.DescribeSessions");
  const Json body = Json::parse(request.body, nullptr, false);
  EXPECT_EQ(body["State"], "History");
  EXPECT_EQ(body["Filters"], Json::array({Json{{"key", "SessionId"}, {"value", "s-1"}}}));
  engine::HttpResponse response;
  response.body = R"({"Sessions":[{"SessionId":"s-1","Details":"Terminated by eve."}]})";
  EXPECT_EQ((*api_.ReadFindEnded(response))->details, "Terminated by eve.");
  response.body = R"({"Sessions":[]})";
  EXPECT_FALSE(api_.ReadFindEnded(response)->has_value());
  response.body = "nonsense";
  EXPECT_FALSE(api_.ReadFindEnded(response).ok());
}

TEST_F(ApiClientTest, AnAnswerWithoutTheNativeMemberIsNoAditRelay) {
  Answer(R"({"SessionId":"s-1","TokenValue":"t","StreamUrl":"wss://x"})");
  EXPECT_FALSE(api_.StartSession(kShell).ok());
}

TEST_F(ApiClientTest, NonsenseIsAnErrorAndNoCrash) {
  for (const char* body : {"", "[]", "7", "{\"SessionId\":", "{\"SessionId\":7}", "\xFF\xFE",
                           R"({"SessionId":"a","TokenValue":"b","Adit":7})",
                           R"({"SessionId":"a","TokenValue":null,"Adit":{}})"}) {
    Answer(body);
    EXPECT_FALSE(api_.StartSession(kShell).ok()) << body;
  }
  for (const char* body : {"", "[]", "null"}) {
    Answer(body);
    EXPECT_FALSE(api_.ListSessions(ApiClient::Which::kActive).ok()) << body;
  }
  Answer(R"({"Sessions":{"a":1}})");
  EXPECT_TRUE(api_.ListSessions(ApiClient::Which::kActive)->empty());
  Answer(R"({"Sessions":[{"SessionId":1,"StartDate":"x","EndDate":1e300}]})");
  EXPECT_EQ(api_.ListSessions(ApiClient::Which::kEnded)->at(0).ended, 0);
}

TEST_F(ApiClientTest, AnEventSaysHowItsCallOrConnectionEnded) {
  const std::pair<const char*, const char*> kRecords[] = {
      {R"({\"eventName\":\"GetUser\"})", "ok"},
      {R"({\"errorCode\":\"AccessDenied\"})", "AccessDenied"},
      {R"({\"additionalEventData\":{\"outcome\":\"connection reset\"}})", "connection reset"},
      {R"({\"additionalEventData\":7})", "ok"},
      {"no JSON", ""}};
  for (const auto& [record, outcome] : kRecords) {
    Answer(R"({"Events":[{"EventId":"1","CloudTrailEvent":")" + std::string(record) + R"("}]})");
    const auto events = api_.LookupEvents({.count_max = 1});
    ASSERT_TRUE(events.ok()) << record;
    EXPECT_EQ(events->at(0).outcome, outcome) << record;
  }
}

TEST_F(ApiClientTest, AnEventOfAStreamSaysWhereItLed) {
  Answer(R"({"Events":[{"CloudTrailEvent":"{\"additionalEventData\":{\"what\":\"tcp db:5432\"}}"},)"
         R"({"CloudTrailEvent":"{\"eventName\":\"GetUser\"}"}]})");
  const auto events = api_.LookupEvents({.count_max = 2});
  ASSERT_TRUE(events.ok());
  EXPECT_EQ(events->at(0).what, "tcp db:5432");
  EXPECT_EQ(events->at(0).outcome, "ok");
  EXPECT_EQ(events->at(1).what, "");
}

TEST_F(ApiClientTest, ErrorsKeepTheirKind) {
  Answer(R"({"__type":"AccessDeniedException","message":"no"})", 400);
  EXPECT_TRUE(absl::IsPermissionDenied(api_.ListNodes().status()));
  Answer(R"({"__type":"SealedNotSupported","message":"old agent"})", 400);
  EXPECT_TRUE(absl::IsUnimplemented(api_.StartSession(kShell).status()));
  Answer(R"({"__type":"TargetNotConnected","message":"mi-1 is not connected."})", 400);
  EXPECT_TRUE(absl::IsUnavailable(api_.StartSession(kShell).status()));
}

TEST_F(ApiClientTest, TerminateSendsTheId) {
  Answer(R"({"SessionId":"s-1"})");
  EXPECT_TRUE(api_.TerminateSession("s-1").ok());
  EXPECT_EQ(Body(0), (Json{{"SessionId", "s-1"}}));
}

constexpr char kIdentityXml[] =
    "<GetCallerIdentityResponse xmlns=\"urn:x\"><GetCallerIdentityResult>"
    "<Account>000000000000</Account><Arn>arn:aws:iam::000000000000:user/a&amp;b</Arn>"
    "<UserId>AIDA</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>";
constexpr char kSessionXml[] =
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId>"
    "<Expiration>2027-01-15T09:00:00Z</Expiration><SecretAccessKey>se</SecretAccessKey>"
    "<SessionToken>token</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>";

TEST_F(ApiClientTest, WhoAmIAsksSts) {
  Answer(kIdentityXml);
  const auto identity = api_.WhoAmI();
  ASSERT_TRUE(identity.ok()) << TextOf(identity.status());
  EXPECT_EQ(identity->arn, "arn:aws:iam::000000000000:user/a&b");
  EXPECT_EQ(identity->user_id, "AIDA");
  EXPECT_EQ(requests_[0].body, "Action=GetCallerIdentity&Version=2011-06-15");
  EXPECT_NE(requests_[0].headers.Get("Authorization").find("/adit/sts/aws4_request"),
            std::string_view::npos);
  Answer("<html>");
  EXPECT_FALSE(api_.WhoAmI().ok());
}

TEST_F(ApiClientTest, AnErrorInXmlIsUnderstoodAsOneInJson) {
  Answer(
      "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no &lt;way&gt;</Message>"
      "</Error></ErrorResponse>",
      403);
  const auto denied = api_.WhoAmI();
  EXPECT_TRUE(absl::IsPermissionDenied(denied.status()));
  EXPECT_NE(TextOf(denied.status()).find("no <way>"), std::string::npos);
  Answer("<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>", 403);
  EXPECT_NE(TextOf(api_.WhoAmI().status()).find("has expired"), std::string::npos);
}

TEST_F(ApiClientTest, AfterAssumeRoleEveryCallIsTheRoles) {
  Answer(kSessionXml);
  const RoleWish wish{.role_arn = "arn:aws:iam::000000000000:role/ops",
                      .external_id = "a b",
                      .mfa_serial = "arn:aws:iam::000000000000:mfa/a",
                      .duration_seconds = 900};
  const auto session = api_.AssumeRole(wish, "123456");
  ASSERT_TRUE(session.ok()) << TextOf(session.status());
  EXPECT_EQ(session->expires, 1'800'003'600);
  EXPECT_EQ(requests_[0].body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A000000000000%3Arole"
            "%2Fops&RoleSessionName=adit-1800000000&ExternalId=a%20b&SerialNumber=arn%3Aaws%3Aiam"
            "%3A%3A000000000000%3Amfa%2Fa&TokenCode=123456&DurationSeconds=900");
  Answer("{}");
  ASSERT_TRUE(api_.ListNodes().ok());
  EXPECT_EQ(requests_[1].headers.Get("X-Amz-Security-Token"), "token");
  EXPECT_NE(requests_[1].headers.Get("Authorization").find("Credential=ASIA1/"),
            std::string_view::npos);
}

}  // namespace
}  // namespace client
