// Goal: the same signatures as AWS's, from either side.
// Method: signed requests of AWS's published suite (sigv4_vectors/, see its README) and of
// botocore; then what foreign Authorization headers may and may not look like.

#include "engine/http/sigv4.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"

namespace engine {
namespace {

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
constexpr int64_t kTime = 1440938160;  // 20150830T123600Z

// ReadVector reads a signed request. The suite's files are no wire bytes (line ends without CR,
// spaces in paths), so they are taken apart here and not by the parser.
HttpRequest ReadVector(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  HttpRequest request;
  std::string line;
  std::getline(file, line);
  request.method = line.substr(0, line.find(' '));
  const size_t target = request.method.size() + 1;
  request.target = line.substr(target, line.rfind(' ') - target);
  while (std::getline(file, line) && !line.empty()) {
    const size_t colon = line.find(':');
    request.headers.Add(line.substr(0, colon), line.substr(colon + 1));
  }
  request.body.assign(std::istreambuf_iterator<char>(file), {});
  return request;
}

TEST(SigV4, EveryPublishedSignatureIsReproduced) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ADIT_SIGV4_VECTORS)) {
    if (entry.path().extension() != ".request") continue;
    const HttpRequest request = ReadVector(entry.path());
    std::string problem;
    const auto authorization = ParseAuthorization(request.headers.Get("authorization"), problem);
    ASSERT_TRUE(authorization.has_value()) << entry.path() << problem;
    const std::string canonical = CanonicalRequest(request, authorization->signed_headers,
                                                   crypto::HexSha256(AsBytes(request.body)));
    const std::string text =
        StringToSign(request.headers.Get("x-amz-date"), authorization->scope, canonical);
    EXPECT_EQ(SigV4Signature(kSecret, authorization->scope, text), authorization->signature)
        << entry.path() << "\n"
        << canonical;
    ++count;
  }
  EXPECT_EQ(count, 8u);
}

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
  EXPECT_EQ(CanonicalQuery("role=subscribe&stream=input"), "role=subscribe&stream=input");
  EXPECT_EQ(CanonicalQuery("b=2&a=1&a=0&&c"), "a=0&a=1&b=2&c=");
  EXPECT_EQ(CanonicalQuery("x=a+b&y=%7e%2F%zz%"), "x=a%20b&y=~%2F%25zz%25");
  EXPECT_EQ(CanonicalQuery(""), "");
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

}  // namespace
}  // namespace engine
