// Goal: our own requests are signed as AWS's clients sign them, and what others have signed is read
// strictly. Method: signatures that botocore made; then foreign Authorization headers and presigned
// addresses, one change at a time.

#include "engine/http/sigv4.h"

#include <gtest/gtest.h>

#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"
#include "engine/http/sigv4_proof.h"

namespace engine {
namespace {

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr int64_t kTime = 1440938160;  // 20150830T123600Z

HttpRequest SsmRequest() {
  HttpRequest request;
  request.method = "POST";
  request.headers.Add("Host", "ssm.us-east-1.amazonaws.com");
  request.headers.Add("Content-Type", "application/x-amz-json-1.1");
  request.headers.Add("X-Amz-Target", "AmazonSSM.StartSession");
  request.body = R"({"Target": "i-0123456789abcdef0"})";
  return request;
}

TEST(SigV4, OurOwnRequestsAreSignedAsBotocoreSignsThem) {
  HttpRequest request = SsmRequest();
  Sign(request, {"AKIDEXAMPLE", kSecret, ""}, "us-east-1", "ssm", kTime);
  EXPECT_EQ(request.headers.Get("x-amz-date"), "20150830T123600Z");
  EXPECT_EQ(request.headers.Get("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/ssm/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
            "Signature=131c4b34aac953b7fc1cf42bd407ca41de6fc3a6802c06a3a690a60ad8245502");
  EXPECT_EQ(crypto::HexSha256(AsBytes(request.body)),
            "ea783b9a21949969572640ff70c0090220844c2a2273635fd5e9a7bc048bd4f8");
}

TEST(SigV4, ASessionTokenIsSignedAlong) {
  HttpRequest request = SsmRequest();
  Sign(request, {"AKIDEXAMPLE", kSecret, "SESSIONTOKEN"}, "us-east-1", "ssm", kTime);
  EXPECT_EQ(request.headers.Get("x-amz-security-token"), "SESSIONTOKEN");
  EXPECT_NE(
      request.headers.Get("authorization")
          .find("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
                "Signature=ef9ed65b6a6bc3b5e73d152c3ffd6c2396f0a81dadfa900e3d1a970f0068b458"),
      std::string_view::npos);
}

TEST(SigV4, SigningTwiceReplacesTheFirstSignature) {
  HttpRequest request = SsmRequest();
  Sign(request, {"AKIDEXAMPLE", kSecret, ""}, "us-east-1", "ssm", kTime - 600);
  Sign(request, {"AKIDEXAMPLE", kSecret, ""}, "us-east-1", "ssm", kTime);
  EXPECT_EQ(request.headers.Count("authorization"), 1u);
  EXPECT_EQ(request.headers.Count("x-amz-date"), 1u);
}

TEST(SigV4, QueriesAreDecodedEncodedAndSorted) {
  EXPECT_EQ(CanonicalQuery("role=subscribe&stream=input", SigV4Form::kHeader),
            "role=subscribe&stream=input");
  EXPECT_EQ(CanonicalQuery("b=2&a=1&a=0&&c", SigV4Form::kHeader), "a=0&a=1&b=2&c=");
  EXPECT_EQ(CanonicalQuery("x=a+b&y=%7e%2F%zz%", SigV4Form::kHeader), "x=a%20b&y=~%2F%25zz%25");
  EXPECT_EQ(CanonicalQuery("", SigV4Form::kHeader), "");
}

TEST(SigV4, PathsAreResolvedAndEncodedOnceMore) {
  EXPECT_EQ(CanonicalPath("/"), "/");
  EXPECT_EQ(CanonicalPath(""), "/");
  EXPECT_EQ(CanonicalPath("//a//./b/../c/"), "/a/c/");
  EXPECT_EQ(CanonicalPath("/../.."), "/");
  EXPECT_EQ(CanonicalPath("/a%20b"), "/a%2520b");
  EXPECT_EQ(CanonicalPath("/v1/data-channel/alice-2n7k@x=,y"),
            "/v1/data-channel/alice-2n7k%40x%3D%2Cy");
}

TEST(SigV4, UriEncodeLeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(UriEncode("AZaz09-_.~", Slash::kEncode), "AZaz09-_.~");
  EXPECT_EQ(UriEncode("a/b c\xE1", Slash::kEncode), "a%2Fb%20c%E1");
  EXPECT_EQ(UriEncode("a/b", Slash::kKeep), "a/b");
}

const std::string kCredential = "Credential=AKID/20150830/us-east-1/ssm/aws4_request";
const std::string kSignature = "Signature=" + std::string(64, 'a');

TEST(SigV4, SpacesBetweenThePartsDoNotMatterAndNeitherDoesTheirOrder) {
  std::string problem;
  for (const std::string& header :
       {"AWS4-HMAC-SHA256 " + kCredential + ", SignedHeaders=host;x-amz-date, " + kSignature,
        "AWS4-HMAC-SHA256 " + kSignature + ",SignedHeaders=host;x-amz-date," + kCredential,
        "  AWS4-HMAC-SHA256   " + kCredential + " ,\tSignedHeaders=host;x-amz-date , " +
            kSignature + " "}) {
    const auto authorization = ParseAuthorization(header, problem);
    ASSERT_TRUE(authorization.has_value()) << header << ": " << problem;
    EXPECT_EQ(authorization->access_key_id, "AKID");
    EXPECT_EQ(authorization->scope.Text(), "20150830/us-east-1/ssm/aws4_request");
    EXPECT_EQ(authorization->signed_headers, (std::vector<std::string>{"host", "x-amz-date"}));
  }
}

TEST(SigV4, AMalformedHeaderIsRefusedAndThePartIsNamed) {
  const auto problem_of = [](const std::string& header) {
    std::string problem;
    EXPECT_FALSE(ParseAuthorization(header, problem).has_value()) << header;
    return problem;
  };
  const std::string headers = "SignedHeaders=host";
  const auto all = [](const std::string& a, const std::string& b, const std::string& c) {
    return "AWS4-HMAC-SHA256 " + a + ", " + b + ", " + c;
  };
  EXPECT_NE(problem_of("").find("AWS4-HMAC-SHA256"), std::string::npos);
  EXPECT_NE(problem_of("Basic YTpi").find("AWS4-HMAC-SHA256"), std::string::npos);
  EXPECT_NE(problem_of("AWS4-HMAC-SHA256").find("AWS4-HMAC-SHA256"), std::string::npos);
  EXPECT_NE(problem_of("AWS4-HMAC-SHA256X " + kCredential).find("AWS4"), std::string::npos);
  EXPECT_NE(problem_of("AWS4-HMAC-SHA256 " + headers + "," + kSignature).find("'Credential'"),
            std::string::npos);
  EXPECT_NE(
      problem_of("AWS4-HMAC-SHA256 " + kCredential + "," + kSignature).find("'SignedHeaders'"),
      std::string::npos);
  EXPECT_NE(problem_of("AWS4-HMAC-SHA256 " + kCredential + "," + headers).find("'Signature'"),
            std::string::npos);
  for (const char* credential :
       {"Credential=", "Credential=AKID", "Credential=/20150830/r/ssm/aws4_request",
        "Credential=AKID/20150830/r/ssm/aws4_request/more"}) {
    EXPECT_NE(problem_of(all(credential, headers, kSignature)).find("'Credential'"),
              std::string::npos);
  }
  for (const char* names : {"SignedHeaders=", "SignedHeaders=Host", "SignedHeaders=x;host",
                            "SignedHeaders=host;host", "SignedHeaders=host;"}) {
    EXPECT_NE(problem_of(all(kCredential, names, kSignature)).find("'SignedHeaders'"),
              std::string::npos);
  }
  for (const std::string& signature :
       {std::string("Signature="), "Signature=" + std::string(63, 'a'),
        "Signature=" + std::string(64, 'A'), "Signature=" + std::string(64, 'g')}) {
    EXPECT_NE(problem_of(all(kCredential, headers, signature)).find("'Signature'"),
              std::string::npos);
  }
  problem_of(all(kCredential, headers, kSignature) + ", Extra=1");
  problem_of(all(kCredential, headers, kSignature) + ", " + kSignature);
  problem_of("AWS4-HMAC-SHA256 " + std::string(5000, 'x'));
}

// Presigned is an address that counts for an hour.
HttpRequest Presigned(const std::string& token = "") {
  HttpRequest request;
  request.target = "/?Action=GetCallerIdentity&Version=2011-06-15";
  request.headers.Add("Host", "sts.us-east-1.amazonaws.com");
  Presign(request, {"AKIDEXAMPLE", kSecret, token}, "us-east-1", "sts", kTime, 3600);
  return request;
}

std::string ProblemOf(const HttpRequest& request) {
  const auto read = ReadProof(request);
  const auto* problem = std::get_if<SigV4Problem>(&read);
  return problem == nullptr ? "" : problem->text;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(SigV4, AnAddressIsPresignedAsBotocorePresignsIt) {
  const HttpRequest request = Presigned();
  EXPECT_EQ(request.target,
            "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&"
            "X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fsts%2Faws4_request&"
            "X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&"
            "X-Amz-Signature=a9fc94376d8f7ca7cdfdd5775300f7fa2a47ae4db7be632d33ff5a4bbb68b98a");
}

TEST(SigV4, APresignedAddressIsReadBack) {
  const HttpRequest request = Presigned("TOKEN/+= ");
  const auto read = ReadProof(request);
  ASSERT_TRUE(std::holds_alternative<SigV4Proof>(read)) << ProblemOf(request);
  const SigV4Proof& proof = std::get<SigV4Proof>(read);
  EXPECT_EQ(proof.form, SigV4Form::kPresigned);
  EXPECT_EQ(proof.authorization.access_key_id, "AKIDEXAMPLE");
  EXPECT_EQ(proof.authorization.scope.Text(), "20150830/us-east-1/sts/aws4_request");
  EXPECT_EQ(proof.signed_unix_seconds, kTime);
  EXPECT_EQ(proof.expires_seconds, 3600);
  EXPECT_EQ(proof.session_token, "TOKEN/+= ");
  EXPECT_TRUE(proof.IsSigned("host"));
  EXPECT_FALSE(proof.IsSigned("x-amz-date"));
}

TEST(SigV4, APresignedAddressThatLacksOrRepeatsAPartIsRefused) {
  const HttpRequest good = Presigned("TOKEN");
  EXPECT_EQ(ProblemOf(good), "");
  for (const std::string name : {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date",
                                 "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"}) {
    HttpRequest request = good;
    request.target = Replaced(good.target, name + "=", "X-Other=");
    EXPECT_NE(ProblemOf(request).find("'" + name + "'"), std::string::npos) << name;
    request.target = good.target + "&" + name + "=x";
    EXPECT_NE(ProblemOf(request).find("must not be repeated"), std::string::npos) << name;
    request.target = Replaced(good.target, name + "=", name + "=%2F");
    EXPECT_NE(ProblemOf(request).find("is malformed"), std::string::npos) << name;
  }
  HttpRequest twice = good;
  twice.target += "&X-Amz-Security-Token=OTHER";
  EXPECT_NE(ProblemOf(twice).find("X-Amz-Security-Token"), std::string::npos);
}

TEST(SigV4, APresignedAddressCountsForOneSecondToSevenDays) {
  const auto with = [](const std::string& seconds) {
    HttpRequest request = Presigned();
    request.target = Replaced(request.target, "Expires=3600", "Expires=" + seconds);
    return ProblemOf(request);
  };
  EXPECT_EQ(with("1"), "");
  EXPECT_EQ(with("604800"), "");
  for (const char* seconds : {"0", "604801", "-1", "1.5", "", "99999999999999999999"}) {
    EXPECT_NE(with(seconds), "") << seconds;
  }
}

TEST(SigV4, BothFormsAtOnceAreRefusedAndNoneIsMissing) {
  HttpRequest both = Presigned();
  Sign(both, {"AKIDEXAMPLE", kSecret, ""}, "us-east-1", "sts", kTime);
  EXPECT_NE(ProblemOf(both).find("Only one"), std::string::npos);
  const auto read = ReadProof(SsmRequest());
  ASSERT_TRUE(std::holds_alternative<SigV4Problem>(read));
  EXPECT_EQ(std::get<SigV4Problem>(read).kind, SigV4Problem::Kind::kMissing);
}

TEST(SigV4, ADateHeaderCountsWhereThereIsNoXAmzDate) {
  for (const char* date : {"Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z"}) {
    HttpRequest request = SsmRequest();
    request.headers.Add("Date", date);
    request.headers.Add("Authorization",
                        "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/ssm/aws4_request, "
                        "SignedHeaders=date;host, Signature=" +
                            std::string(64, 'a'));
    const auto read = ReadProof(request);
    ASSERT_TRUE(std::holds_alternative<SigV4Proof>(read)) << ProblemOf(request);
    EXPECT_EQ(std::get<SigV4Proof>(read).amz_date, "20150830T123600Z");
  }
}

}  // namespace
}  // namespace engine
