// Goal: the same canonical requests, texts and signatures as AWS's, for headers and for presigned
// addresses. Method: both published suites (tests/data/README.md), each step of each case; then the
// same answer from a request as it would arrive.

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/base/bytes.h"
#include "engine/crypto/digest.h"
#include "engine/http/sigv4.h"
#include "engine/http/sigv4_proof.h"

namespace engine {
namespace {

using Json = nlohmann::json;

constexpr const char* kSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

Json ReadSuite(const std::string& name) {
  std::ifstream file(std::string(ADIT_TEST_DATA) + "/" + name);
  return Json::parse(file);
}

std::string Text(const Json& test, const char* part) {
  std::string text = test.at(part).get<std::string>();
  std::erase(text, '\r');
  return text;
}

// ReadRequest takes a request of the suites apart. They are no wire bytes (line ends without CR,
// spaces in paths, folded headers), so the parser does not.
HttpRequest ReadRequest(const std::string& text) {
  std::istringstream in(text);
  HttpRequest request;
  std::string line;
  std::getline(in, line);
  request.method = line.substr(0, line.find(' '));
  const size_t target = request.method.size() + 1;
  request.target = line.substr(target, line.rfind(' ') - target);
  std::vector<std::pair<std::string, std::string>> headers;
  while (std::getline(in, line) && !line.empty()) {
    if (line[0] == ' ') {
      headers.back().second += line;
      continue;
    }
    const size_t colon = line.find(':');
    headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  for (const auto& [name, value] : headers) request.headers.Add(name, value);
  request.body.assign(std::istreambuf_iterator<char>(in), {});
  return request;
}

// WithoutPath leaves the second line of a canonical request out.
std::string WithoutPath(const std::string& canonical) {
  const size_t path = canonical.find('\n');
  return canonical.substr(0, path) + canonical.substr(canonical.find('\n', path + 1));
}

struct Expected {
  std::string canonical, text, signature;
  bool path_is_normalized = true;
};

void ExpectSame(const HttpRequest& request, const Expected& expected) {
  const auto read = ReadProof(request);
  const auto* problem = std::get_if<SigV4Problem>(&read);
  ASSERT_EQ(problem, nullptr) << problem->text;
  const SigV4Proof& proof = std::get<SigV4Proof>(read);
  const std::string canonical =
      CanonicalRequest(request, proof.form, proof.authorization.signed_headers,
                       crypto::HexSha256(AsBytes(request.body)));
  if (expected.path_is_normalized) {
    EXPECT_EQ(canonical, expected.canonical);
  } else {
    // For S3 alone, which signs paths as they are.
    EXPECT_EQ(WithoutPath(canonical), WithoutPath(expected.canonical));
  }
  const std::string text =
      StringToSign(proof.amz_date, proof.authorization.scope, expected.canonical);
  EXPECT_EQ(text, expected.text);
  EXPECT_EQ(SigV4Signature(kSecret, proof.authorization.scope, text), expected.signature);
  EXPECT_EQ(proof.authorization.signature, expected.signature);
}

TEST(SigV4Suite, EveryCaseOfAwsCAuthIsReproducedInBothForms) {
  const Json suite = ReadSuite("sigv4_aws_c_auth.json");
  EXPECT_EQ(suite.size(), 38u);
  for (const auto& [name, test] : suite.items()) {
    const Json context = Json::parse(test.at("context.json").get<std::string>());
    const bool is_normalized = context.at("normalize").get<bool>();
    for (const std::string& form : {std::string("header"), std::string("query")}) {
      SCOPED_TRACE(name + ", " + form);
      const auto part = [&](const char* what) { return Text(test, (form + what).c_str()); };
      HttpRequest request = ReadRequest(part("-signed-request.txt"));
      if (context.value("omit_session_token", false)) {
        // The token was added after signing.
        const size_t token = request.target.find("&X-Amz-Security-Token=");
        const size_t end = request.target.find('&', token + 1);
        if (token != std::string::npos) request.target.erase(token, end - token);
      }
      ExpectSame(request, {part("-canonical-request.txt"), part("-string-to-sign.txt"),
                           part("-signature.txt"), is_normalized});
    }
  }
}

TEST(SigV4Suite, EveryCaseOfBotocoreIsReproduced) {
  const Json suite = ReadSuite("sigv4_botocore.json");
  EXPECT_EQ(suite.size(), 34u);
  for (const auto& [name, test] : suite.items()) {
    SCOPED_TRACE(name);
    const std::string authorization = Text(test, "authz");
    // One case's "sreq" still has the signature of an older "authz".
    HttpRequest request = ReadRequest(Text(test, "sreq"));
    request.headers.Set("Authorization", authorization);
    ExpectSame(request, {Text(test, "creq"), Text(test, "sts"),
                         authorization.substr(authorization.find("Signature=") + 10)});
  }
}

}  // namespace
}  // namespace engine
