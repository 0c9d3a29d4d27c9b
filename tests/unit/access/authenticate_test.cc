// Goal: only who has the secret, signs all that matters, and signs now, is the caller; everyone
// else hears the code that AWS would answer. Method: a good request, and one change at a time.

#include "relay/access/authenticate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "engine/http/amz_date.h"
#include "engine/http/sigv4.h"
#include "relay/store/sqlite_store.h"
#include "tests/support/temporary_folder.h"

namespace relay {
namespace {

using engine::HttpRequest;

constexpr int64_t kNow = 1'700'000'000;  // 20231114T221320Z

class AuthenticateTest : public testing::Test {
 protected:
  AuthenticateTest() {
    auto opened = SqliteStore::Open({.path = folder / "adit.db"}, engine::crypto::MasterKey{});
    EXPECT_TRUE(opened.ok()) << opened.status();
    store = *std::move(opened);
    AccessKey key{
        .id = "AKIAGOOD", .user_name = "admin", .principal = "arn:admin", .secret = "good-secret"};
    EXPECT_TRUE(store->AddAccessKey(key).ok());
    key.id = "AKIAOFF";
    key.active = false;
    EXPECT_TRUE(store->AddAccessKey(key).ok());
  }

  static HttpRequest Unsigned() {
    HttpRequest request;
    request.method = "POST";
    request.headers.Add("Host", "relay.example:8443");
    request.headers.Add("Content-Type", "application/x-amz-json-1.1");
    request.headers.Add("X-Amz-Target", "AmazonSSM.DescribeSessions");
    request.headers.Add("User-Agent", "not signed");
    request.body = R"({"State": "Active"})";
    return request;
  }
  static HttpRequest Signed(int64_t time = kNow, std::string id = "AKIAGOOD",
                            std::string secret = "good-secret", std::string token = "",
                            std::string service = "ssm") {
    HttpRequest request = Unsigned();
    engine::Sign(request, {std::move(id), std::move(secret), std::move(token)}, "adit", service,
                 time);
    return request;
  }
  // Result is the caller's ARN, or code and message of the error.
  std::string Result(const HttpRequest& request) {
    const auto result = Authenticate(request, "ssm", *store, kNow * 1000);
    if (const auto* caller = std::get_if<Caller>(&result)) return caller->principal;
    return std::get<ApiError>(result).code + ": " + std::get<ApiError>(result).message;
  }
  static HttpRequest Replace(HttpRequest request, const char* from, const std::string& to) {
    std::string header(request.headers.Get("authorization"));
    header.replace(header.find(from), std::string(from).size(), to);
    request.headers.Set("Authorization", header);
    return request;
  }

  TemporaryFolder folder;
  std::unique_ptr<SqliteStore> store;
};

using testing::Test;

#define EXPECT_STARTS(text, start) EXPECT_EQ((text).substr(0, std::string(start).size()), start)

TEST_F(AuthenticateTest, AGoodSignatureGivesTheCaller) {
  const auto result = Authenticate(Signed(), "ssm", *store, kNow * 1000);
  const auto* caller = std::get_if<Caller>(&result);
  ASSERT_NE(caller, nullptr);
  EXPECT_EQ(caller->access_key_id, "AKIAGOOD");
  EXPECT_EQ(caller->user_name, "admin");
  EXPECT_EQ(caller->principal, "arn:admin");
}

TEST_F(AuthenticateTest, AnyRegionIsTaken) {
  HttpRequest request = Unsigned();
  engine::Sign(request, {"AKIAGOOD", "good-secret", ""}, "us-east-1", "ssm", kNow);
  EXPECT_EQ(Result(request), "arn:admin");
}

TEST_F(AuthenticateTest, NoSignatureIsMissing) {
  EXPECT_EQ(Result(Unsigned()),
            "MissingAuthenticationTokenException: Request is missing Authentication Token");
}

TEST_F(AuthenticateTest, AMalformedHeaderIsIncomplete) {
  HttpRequest request = Signed();
  request.headers.Set("Authorization", "Basic YTpi");
  EXPECT_STARTS(Result(request), "IncompleteSignatureException: ");
  EXPECT_STARTS(Result(Replace(Signed(), "Signature=", "Sig=")), "IncompleteSignatureException: ");
}

TEST_F(AuthenticateTest, AnUnknownOrInactiveKeyIsUnrecognized) {
  const std::string expected =
      "UnrecognizedClientException: The security token included in the request is invalid.";
  EXPECT_EQ(Result(Signed(kNow, "AKIANOBODY")), expected);
  EXPECT_EQ(Result(Signed(kNow, "AKIAOFF")), expected);
}

TEST_F(AuthenticateTest, ASessionTokenIsUnrecognizedBecauseThereAreNone) {
  EXPECT_STARTS(Result(Signed(kNow, "ASIANOBODY", "s", "TOKEN")), "UnrecognizedClientException: ");
  EXPECT_STARTS(Result(Signed(kNow, "AKIAGOOD", "good-secret", "TOKEN")),
                "UnrecognizedClientException: ");
}

TEST_F(AuthenticateTest, AWrongSecretOrAChangedRequestIsAMismatch) {
  const std::string expected =
      "InvalidSignatureException: The request signature we calculated does not match";
  EXPECT_STARTS(Result(Signed(kNow, "AKIAGOOD", "other-secret")), expected);
  const std::function<void(HttpRequest&)> changes[] = {
      [](HttpRequest& r) { r.body += " "; },
      [](HttpRequest& r) { r.body.clear(); },
      [](HttpRequest& r) { r.method = "PUT"; },
      [](HttpRequest& r) { r.target = "/other"; },
      [](HttpRequest& r) { r.target = "/?a=b"; },
      [](HttpRequest& r) { r.headers.Set("Host", "elsewhere"); },
      [](HttpRequest& r) { r.headers.Set("X-Amz-Target", "AmazonSSM.StartSession"); },
      [](HttpRequest& r) { r.headers.Set("Content-Type", "text/plain"); },
      [](HttpRequest& r) { r.headers.Set("X-Amz-Date", engine::AmzDate(kNow + 1)); },
  };
  for (const auto& change : changes) {
    HttpRequest request = Signed();
    change(request);
    EXPECT_STARTS(Result(request), expected);
  }
  const std::string signature(Signed()
                                  .headers.Get("authorization")
                                  .substr(Signed().headers.Get("authorization").size() - 64));
  std::string other = signature;
  other[63] = other[63] == 'a' ? 'b' : 'a';
  EXPECT_STARTS(Result(Replace(Signed(), signature.c_str(), other)), expected);
}

TEST_F(AuthenticateTest, TheHashThatTheSenderClaimsIsNotBelieved) {
  for (const std::string& hash : {std::string("UNSIGNED-PAYLOAD"), engine::crypto::HexSha256({})}) {
    HttpRequest request = Unsigned();
    request.headers.Add("X-Amz-Content-Sha256", hash);
    // Sign for that hash, as a sender does that wants another body accepted.
    const std::string body = std::exchange(request.body, "");
    engine::Sign(request, {"AKIAGOOD", "good-secret", ""}, "adit", "ssm", kNow);
    request.body = body;
    EXPECT_STARTS(Result(request), "InvalidSignatureException: ");
  }
}

TEST_F(AuthenticateTest, HeadersThatMatterMustBeSigned) {
  const auto without = [&](const char* name) { return Result(Replace(Signed(), name, "")); };
  EXPECT_STARTS(without("host;"), "IncompleteSignatureException: 'Host' must be");
  EXPECT_STARTS(without("x-amz-date;"), "IncompleteSignatureException: 'x-amz-date' must be");
  EXPECT_STARTS(without(";x-amz-target"), "IncompleteSignatureException: 'x-amz-target' must be");
  EXPECT_STARTS(without("content-type;"), "IncompleteSignatureException: 'content-type' must be");
  HttpRequest request = Signed();
  request.headers.Add("X-Amz-Security-Token", "added later");
  EXPECT_STARTS(Result(request), "IncompleteSignatureException: 'x-amz-security-token' must be");
}

TEST_F(AuthenticateTest, HeadersThatTwoReadersCouldTakeDifferentlyMustBeThereOnce) {
  for (const char* name : {"Authorization", "Host", "X-Amz-Date", "X-Amz-Target", "Content-Type"}) {
    HttpRequest request = Signed();
    request.headers.Add(name, request.headers.Get(name));
    EXPECT_STARTS(Result(request), "IncompleteSignatureException: Header '");
  }
}

TEST_F(AuthenticateTest, TheDateMustBeThereAndReadable) {
  HttpRequest request = Signed();
  request.headers.Set("X-Amz-Date", "yesterday");
  EXPECT_STARTS(Result(request), "IncompleteSignatureException: Date must be");
  HttpRequest without = Unsigned();
  without.headers.Set("Authorization",
                      "AWS4-HMAC-SHA256 Credential=AKIAGOOD/20231114/adit/ssm/aws4_request, "
                      "SignedHeaders=content-type;host;x-amz-target, Signature=" +
                          std::string(64, 'a'));
  EXPECT_STARTS(Result(without), "IncompleteSignatureException: Authorization header requires");
}

TEST_F(AuthenticateTest, ASkewOfTenMinutesIsRefusedBothWaysInAwssWords) {
  EXPECT_EQ(Result(Signed(kNow - 600)),
            "InvalidSignatureException: Signature expired: 20231114T220320Z is now earlier than "
            "20231114T220820Z (20231114T221320Z - 5 min.)");
  EXPECT_EQ(Result(Signed(kNow + 600)),
            "InvalidSignatureException: Signature not yet current: 20231114T222320Z is still later "
            "than 20231114T221820Z (20231114T221320Z + 5 min.)");
}

TEST_F(AuthenticateTest, FiveMinutesAreTakenAndASecondMoreIsNot) {
  EXPECT_EQ(Result(Signed(kNow - 300)), "arn:admin");
  EXPECT_EQ(Result(Signed(kNow + 300)), "arn:admin");
  EXPECT_STARTS(Result(Signed(kNow - 301)), "InvalidSignatureException: Signature expired");
  EXPECT_STARTS(Result(Signed(kNow + 301)), "InvalidSignatureException: Signature not yet");
}

TEST_F(AuthenticateTest, AnotherScopeIsRefused) {
  EXPECT_STARTS(Result(Signed(kNow, "AKIAGOOD", "good-secret", "", "s3")),
                "InvalidSignatureException: Credential should be scoped to correct service: 'ssm'");
  EXPECT_STARTS(Result(Replace(Signed(), "aws4_request", "aws5_request")),
                "InvalidSignatureException: Credential should be scoped with a valid terminator");
  EXPECT_STARTS(Result(Replace(Signed(), "/20231114/", "/20231113/")),
                "InvalidSignatureException: Date in Credential scope");
}

TEST_F(AuthenticateTest, BodiesOfEverySizeAreHashed) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{63}, size_t{64}, size_t{65536}, size_t{1} << 20}) {
    HttpRequest request = Unsigned();
    request.body = std::string(size, 'b');
    engine::Sign(request, {"AKIAGOOD", "good-secret", ""}, "adit", "ssm", kNow);
    EXPECT_EQ(Result(request), "arn:admin") << size;
    request.body += 'b';
    EXPECT_STARTS(Result(request), "InvalidSignatureException: ");
  }
}

}  // namespace
}  // namespace relay
