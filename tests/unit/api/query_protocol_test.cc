// Goal: a body of the query protocol becomes what a JSON body would be, or an error that says why;
// answers are XML that holds whatever the values are.
// Method: bodies as clients of IAM send them, and broken ones; answers compared as text.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "relay/api/query_body.h"
#include "relay/api/query_response.h"

namespace relay {
namespace {

using Json = nlohmann::json;

std::string Parsed(std::string_view body) {
  Json json;
  const std::optional<ApiError> error = ParseQueryBody(body, json);
  return error.has_value() ? error->code : json.dump();
}

TEST(QueryBody, NamesWithDotsAreObjectsAndListsInTheOrderOfTheirNumbers) {
  EXPECT_EQ(Parsed("Action=TagUser&Tags.member.10.Key=b&Tags.member.2.Key=a%20b+c"),
            R"({"Action":"TagUser","Tags":[{"Key":"a b c"},{"Key":"b"}]})");
  EXPECT_EQ(Parsed("A.member.1=x&A.member.2=y"), R"({"A":["x","y"]})");
  EXPECT_EQ(Parsed("A.member.1.B.member.1=x"), R"({"A":[{"B":["x"]}]})");
  EXPECT_EQ(Parsed("A=&B"), R"({"A":"","B":""})");
  EXPECT_EQ(Parsed(""), "{}");
}

TEST(QueryBody, WhatIsNoListStaysAnObject) {
  EXPECT_EQ(Parsed("A.member.x=1"), R"({"A":{"member":{"x":"1"}}})");
  EXPECT_EQ(Parsed("A.member=1"), R"({"A":{"member":"1"}})");
}

TEST(QueryBody, WhatIsMalformedIsRefused) {
  for (const char* body :
       {"A=%", "A=%4", "A=%zz", "A=%ff", "A=1&A=2", "A=1&A.b=2", "A.b=1&A=2", "A..b=1", ".=1", "=1",
        "A.=1", "A%00=1", "A b=1", "<A>=1", "a.b.c.d.e.f.g.h.i.j.k.l.m=1"}) {
    EXPECT_EQ(Parsed(body), "MalformedQueryString") << body;
  }
}

TEST(QueryBody, ItsMaximaAreKept) {
  std::string many;
  for (size_t i = 0; i < kQueryPairsMax; ++i) many += "n" + std::to_string(i) + "=&";
  EXPECT_NE(Parsed(many), "MalformedQueryString");
  EXPECT_EQ(Parsed(many + "one=more"), "MalformedQueryString");
  EXPECT_NE(Parsed(std::string(kQueryNameSizeMax, 'a')), "MalformedQueryString");
  EXPECT_EQ(Parsed(std::string(kQueryNameSizeMax + 1, 'a')), "MalformedQueryString");
}

TEST(QueryResponse, ListsAreMembersMapsAreEntriesAndTextIsEscaped) {
  const engine::HttpResponse response = QueryResponse(
      "ListUsers", "urn:x",
      {{"Users", {{{"Name", "<&\">\r\x01"}}}},
       {"IsTruncated", false},
       {"Map", {{"entry", {{{"key", "a"}, {"value", 1}}, {{"key", "b"}, {"value", 2}}}}}}},
      "id");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            "<ListUsersResponse xmlns=\"urn:x\"><ListUsersResult><IsTruncated>false</IsTruncated>"
            "<Map><entry><key>a</key><value>1</value></entry><entry><key>b</key><value>2</value>"
            "</entry></Map><Users><member><Name>&lt;&amp;&quot;&gt;&#xD;\xEF\xBF\xBD</Name>"
            "</member></Users></ListUsersResult><ResponseMetadata><RequestId>id</RequestId>"
            "</ResponseMetadata></ListUsersResponse>");
}

TEST(QueryResponse, AnErrorHasTheCodeOfThisProtocol) {
  const engine::HttpResponse response =
      QueryErrorResponse({"AccessDeniedException", "no"}, "urn:x", "id");
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(response.body,
            "<ErrorResponse xmlns=\"urn:x\"><Error><Code>AccessDenied</Code><Message>no</Message>"
            "<Type>Sender</Type></Error><RequestId>id</RequestId></ErrorResponse>");
  EXPECT_EQ(QueryErrorResponse({"NoSuchEntity", "no", 404}, "urn:x", "id").status, 404);
}

}  // namespace
}  // namespace relay
